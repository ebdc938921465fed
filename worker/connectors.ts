/**
 * Owns the open connectors of this process: one for each declaration of a store or host, whether a
 * run stands on it or it is the one that was applied last.
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
import type { Connectors as Port } from '../activities/targets.js';
import type { Configuration, ConnectorDeclaration, StandsOn } from '../workflows/domain/configuration.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { canonicalJson } from '../workflows/domain/json.js';
import { type Power, requirePower } from '../workflows/domain/powers.js';
import { throughStore } from '../workflows/domain/stands-on.js';
import { appHostConnectors, keyStoreConnectors } from './registry.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const userAgent = `rekey/${version} (${os.hostname()}; ${process.pid})`;

/**
 * Where a worker looks for a package that the configuration names, before it looks beside rekey.
 */
const searched = process.cwd();

/** How many are kept open; a run needs those of its own declarations, and they seldom differ. */
const mostOpen = 2_000;

export class Connectors implements Port {
  #read: { readonly hash: string; readonly configuration: Configuration } | null = null;
  readonly #known = new Map<string, KeyStoreConnector | AppHostConnector>();
  /** By name and declaration, the longest unused first. */
  readonly #open = new Map<string, KeyStore | AppHost>();

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

  async applied(): Promise<Configuration> {
    const configuration = await this.configuration();
    if (!configuration) throw new RekeyError('KR_NOT_FOUND', 'no configuration was applied');
    return configuration;
  }

  async store({ stores }: StandsOn, name: string): Promise<KeyStore> {
    const declared = declaredIn(stores, name);
    const connector = await this.#keyStore(declared);
    return this.#opened(['store', name, declared], () => connector.open(declared.settings, this.#context(name)));
  }

  async storeConfig({ stores }: StandsOn, name: string): Promise<StoreConfig> {
    return (await this.#keyStore(declaredIn(stores, name))).config;
  }

  async host({ stores, hosts }: StandsOn, name: string): Promise<AppHost> {
    const declared = declaredIn(hosts, name);
    const through = throughStore(declared.settings);
    const store = through === null ? null : { settings: declaredIn(stores, through).settings, context: this.#context(through) };
    const connector = await this.#appHost(declared);
    return this.#opened(['host', name, declared, store?.settings ?? null], () =>
      connector.open(declared.settings, this.#context(name), store),
    );
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

  #opened<Connector extends KeyStore | AppHost>(what: readonly unknown[], open: () => Connector): Connector {
    const key = canonicalJson(what as never);
    const connector = (this.#open.get(key) as Connector | undefined) ?? open();
    this.#open.delete(key);
    this.#open.set(key, connector);
    if (this.#open.size > mostOpen) this.#open.delete(this.#open.keys().next().value!);
    return connector;
  }
}

function declaredIn(section: Readonly<Record<string, ConnectorDeclaration>>, name: string): ConnectorDeclaration {
  const declared = section[name];
  if (!declared) throw new RekeyError('KR_NOT_FOUND', `${name} is not declared`);
  return declared;
}
