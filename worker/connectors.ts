/** Owns the open connectors of this process: one for each store and host of the configuration that was applied last, opened again when its settings change. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { AppHost } from '../activities/ports/app-host.js';
import type { ConnectorContext, KeyStoreConnector, StoreConfig } from '../activities/ports/connector.js';
import type { KeyStore } from '../activities/ports/key-store.js';
import type { Ledger } from '../activities/ports/ledger.js';
import type { Configuration, ConnectorDeclaration } from '../workflows/domain/configuration.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { canonicalJson } from '../workflows/domain/json.js';
import { resolveReference } from './references.js';
import { appHostConnectors, keyStoreConnectors } from './registry.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
export const userAgent = `rekey/${version} (${os.hostname()}; ${process.pid})`;

export class Connectors {
  #read: { readonly hash: string; readonly configuration: Configuration } | null = null;
  readonly #open = new Map<string, { readonly declared: string; readonly connector: KeyStore | AppHost }>();

  constructor(private readonly ledger: Ledger) {}

  /** The configuration that was applied last; read again only when its hash is another. */
  async configuration(): Promise<Configuration | null> {
    const hash = await this.ledger.configurationHash();
    if (hash !== this.#read?.hash) this.#read = hash === null ? null : await this.ledger.configuration();
    return this.#read?.configuration ?? null;
  }

  readonly stores = {
    of: async (name: string): Promise<KeyStore> => {
      const declared = await this.#declared('stores', name);
      return this.#opened(`store ${name}`, declared, () =>
        keyStoreConnector(declared.kind).open(declared.settings, context(name)),
      );
    },
    configOf: async (name: string): Promise<StoreConfig> => keyStoreConnector((await this.#declared('stores', name)).kind).config,
  };

  readonly hosts = {
    of: async (name: string): Promise<AppHost> => {
      const declared = await this.#declared('hosts', name);
      const storeName = typeof declared.settings.store === 'string' ? declared.settings.store : null;
      const store = storeName ? await this.#declared('stores', storeName) : null;
      const whole = store ? { ...declared, settings: { ...declared.settings, of: store.settings } } : declared;
      return this.#opened(`host ${name}`, whole, () => {
        const connector = appHostConnectors.get(declared.kind);
        if (!connector) throw new RekeyError('KR_NOT_FOUND', `app hosts of kind ${declared.kind}`);
        return connector.open(
          declared.settings,
          context(name),
          store && storeName ? { settings: store.settings, context: context(storeName) } : null,
        );
      });
    },
  };

  async #declared(section: 'stores' | 'hosts', name: string): Promise<ConnectorDeclaration> {
    const declared = (await this.configuration())?.[section][name];
    if (!declared) throw new RekeyError('KR_NOT_FOUND', `${name} among the ${section} of the applied configuration`);
    return declared;
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

function keyStoreConnector(kind: string): KeyStoreConnector {
  const connector = keyStoreConnectors.get(kind);
  if (!connector) throw new RekeyError('KR_NOT_FOUND', `key stores of kind ${kind}`);
  return connector;
}

function context(name: string): ConnectorContext {
  return { name, resolve: resolveReference, userAgent };
}
