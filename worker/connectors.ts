/**
 * Owns the open connectors of this process: one for each store and host of the configuration that
 * was applied last, opened again when its settings change.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { connectorOf, type Section } from '../activities/configuration/modules.js';
import type { AppHost } from '../activities/ports/app-host.js';
import type {
  AppHostConnector,
  ConnectorContext,
  KeyStoreConnector,
  ResolveReference,
  StoreConfig,
} from '../activities/ports/connector.js';
import type { KeyStore } from '../activities/ports/key-store.js';
import type { Ledger } from '../activities/ports/ledger.js';
import type { Configuration, ConnectorDeclaration } from '../workflows/domain/configuration.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { canonicalJson } from '../workflows/domain/json.js';
import { type Power, requirePower } from '../workflows/domain/powers.js';
import { appHostConnectors, keyStoreConnectors } from './registry.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const userAgent = `rekey/${version} (${os.hostname()}; ${process.pid})`;

/**
 * Where a worker looks for a package that the configuration names, before it looks beside rekey.
 */
const searched = process.cwd();

export class Connectors {
  #read: { readonly hash: string; readonly configuration: Configuration } | null = null;
  readonly #known = new Map<string, KeyStoreConnector | AppHostConnector>();
  readonly #open = new Map<string, { readonly declared: string; readonly connector: KeyStore | AppHost }>();

  constructor(
    private readonly ledger: Ledger,
    private readonly resolve: ResolveReference,
    private readonly powers: ReadonlySet<Power>,
  ) {}

  /** The configuration that was applied last; read again only when its hash is another. */
  async configuration(): Promise<Configuration | null> {
    const hash = await this.ledger.configurationHash();
    if (hash !== this.#read?.hash) this.#read = hash === null ? null : await this.ledger.configuration();
    return this.#read?.configuration ?? null;
  }

  readonly stores = {
    of: async (name: string): Promise<KeyStore> => {
      const declared = await this.#declared('stores', name);
      const connector = await this.#keyStore(declared);
      return this.#opened(`store ${name}`, declared, () => connector.open(declared.settings, this.#context(name)));
    },
    configOf: async (name: string): Promise<StoreConfig> => (await this.#keyStore(await this.#declared('stores', name))).config,
  };

  readonly hosts = {
    of: async (name: string): Promise<AppHost> => {
      const declared = await this.#declared('hosts', name);
      const storeName = typeof declared.settings.store === 'string' ? declared.settings.store : null;
      const store = storeName ? await this.#declared('stores', storeName) : null;
      const whole = store ? { ...declared, settings: { ...declared.settings, of: store.settings } } : declared;
      const connector = await this.#appHost(declared);
      return this.#opened(`host ${name}`, whole, () =>
        connector.open(
          declared.settings,
          this.#context(name),
          store && storeName ? { settings: store.settings, context: this.#context(storeName) } : null,
        ),
      );
    },
  };

  async #declared(section: 'stores' | 'hosts', name: string): Promise<ConnectorDeclaration> {
    const declared = (await this.configuration())?.[section][name];
    if (!declared) throw new RekeyError('KR_NOT_FOUND', `${name} among the ${section} of the applied configuration`);
    return declared;
  }

  #context(name: string): ConnectorContext {
    return { name, resolve: this.resolve, userAgent };
  }

  #keyStore({ kind, module }: ConnectorDeclaration): Promise<KeyStoreConnector> {
    return this.#connector(`stores ${module ?? kind}`, async () => {
      const connector = module === undefined ? keyStoreConnectors.get(kind) : await this.#load('stores', module);
      if (!connector) throw new RekeyError('KR_NOT_FOUND', `key stores of kind ${kind}`);
      return connector;
    });
  }

  #appHost({ kind, module }: ConnectorDeclaration): Promise<AppHostConnector> {
    return this.#connector(`hosts ${module ?? kind}`, async () => {
      if (module === undefined && kind === 'file') requirePower(this.powers, 'file', 'a host of kind file');
      const connector = module === undefined ? appHostConnectors.get(kind) : await this.#load('hosts', module);
      if (!connector) throw new RekeyError('KR_NOT_FOUND', `app hosts of kind ${kind}`);
      return connector;
    });
  }

  #load<Which extends Section>(section: Which, module: string) {
    requirePower(this.powers, 'module', `module: ${module}`);
    return connectorOf(section, module, searched);
  }

  /** Found once; a module that is not there yet is looked for again at the next step. */
  async #connector<Connector extends KeyStoreConnector | AppHostConnector>(
    key: string,
    find: () => Promise<Connector>,
  ): Promise<Connector> {
    const connector = (this.#known.get(key) as Connector | undefined) ?? (await find());
    this.#known.set(key, connector);
    return connector;
  }

  #opened<Connector extends KeyStore | AppHost>(key: string, declared: ConnectorDeclaration, open: () => Connector): Connector {
    const text = canonicalJson(declared as never);
    const known = this.#open.get(key);
    if (known?.declared === text) return known.connector as Connector;
    const connector = open();
    this.#open.set(key, { declared: text, connector });
    return connector;
  }
}
