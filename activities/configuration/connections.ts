/**
 * Owns reading `stores:` and `hosts:`: each entry is looked at by the connector that its kind or
 * its module names.
 */
import { z } from 'zod';
import type { ConnectorDeclaration } from '../../workflows/domain/configuration.js';
import { type ManualEffect, manualEffects } from '../../workflows/domain/manual.js';
import type { HostConfig, StoreConfig } from '../ports/connector.js';
import type { Check } from './check.js';
import type { Path } from './document.js';
import { jsonOf } from './json.js';
import type { LoadedModule, Modules, Section } from './modules.js';
import { choice } from './nearest.js';
import { connectorName, reference } from './schema.js';

/**
 * A name that is declared, with what could be read of it: others may refer to it even if something
 * about it is wrong.
 */
export interface Declared<Config> {
  readonly config: Config | undefined;
  readonly declaration: ConnectorDeclaration | undefined;
}

export type DeclaredStores = ReadonlyMap<string, Declared<StoreConfig>>;
export type DeclaredHosts = ReadonlyMap<string, Declared<HostConfig>>;

export function readStores(check: Check, value: unknown, configs: readonly StoreConfig[], modules: Modules): DeclaredStores {
  return readEntries(check, value, 'stores', configs, modules);
}

export function readHosts(
  check: Check,
  value: unknown,
  configs: readonly HostConfig[],
  stores: DeclaredStores,
  modules: Modules,
): DeclaredHosts {
  const hosts = readEntries(check, value, 'hosts', configs, modules);
  for (const [name, { config, declaration }] of hosts) {
    const store = declaration?.settings.store;
    if (typeof store !== 'string') continue;
    const path = ['hosts', name, 'store'];
    const found = declared(check, stores, store, path, 'store');
    const kind = config?.storeKind;
    if (kind !== undefined && found?.config && found.config.kind !== kind) {
      const fitting = [...stores].filter(([, other]) => other.config?.kind === kind).map(([other]) => other);
      check.report(
        path,
        `is not a store of kind ${kind}`,
        fitting.length > 0 ? choice(store, fitting) : `a store of kind ${kind}`,
      );
    }
  }
  return hosts;
}

/** What a name refers to; an unknown one is reported with those that are known. */
export function declared<Entry>(
  check: Check,
  all: ReadonlyMap<string, Entry>,
  name: string,
  path: Path,
  what: 'store' | 'host',
): Entry | undefined {
  const found = all.get(name);
  if (!found)
    check.report(path, `there is no such ${what}`, all.size > 0 ? choice(name, [...all.keys()]) : `a name from \`${what}s:\``);
  return found;
}

function readEntries<Config extends StoreConfig | HostConfig>(
  check: Check,
  value: unknown,
  section: Section,
  configs: readonly Config[],
  modules: Modules,
): ReadonlyMap<string, Declared<Config>> {
  const ofModules = new Map<string, string>();
  const kinds = z.enum(configs.map(({ kind }) => kind));
  const readEntry = (entry: unknown, here: Path): Declared<Config> => {
    const mapping = check.mapping(entry, here);
    const isModule = mapping !== undefined && Object.hasOwn(mapping, 'module');
    const found = isModule ? readModule(check, mapping, here, section, modules) : undefined;
    if (found) refuseTakenKind(check, found, here, configs, ofModules);
    const kind = !mapping || isModule ? undefined : check.parse(kinds, mapping.kind, [...here, 'kind']);
    // `Modules` has looked at the shape of it, which differs between the sections.
    const config = found ? (found.connector.config as Config) : configs.find((known) => known.kind === kind);
    if (!mapping || !config) return { config, declaration: undefined };
    const isStore = 'strategies' in config;
    const { kind: _, module: __, manual: named, ...others } = mapping;
    const rest = isStore || named === undefined ? others : { ...others, manual: named };
    const settings = check.parse<unknown>(config.settings, rest, here);
    refusePlainSecrets(check, rest.management, [...here, 'management']);
    const manual = isStore ? readManual(check, config, settings, named, [...here, 'manual']) : [];
    if (settings === undefined) return { config, declaration: undefined };
    const declaration = {
      kind: config.kind,
      ...(found ? { module: found.module } : {}),
      settings: jsonOf(settings),
      ...(manual.length > 0 ? { manual } : {}),
    };
    return { config, declaration };
  };
  const entries = check.named(value, [section], connectorName);
  return new Map(entries.map(([name, entry]) => [name, readEntry(entry, [section, name])]));
}

/** The connector of the module that an entry names; what speaks against it is reported. */
function readModule(
  check: Check,
  entry: Readonly<Record<string, unknown>>,
  here: Path,
  section: Section,
  modules: Modules,
): LoadedModule | undefined {
  if (Object.hasOwn(entry, 'kind'))
    check.report([...here, 'kind'], 'stands beside `module`, which brings its own kind', 'one of the two', 'key');
  const name = check.parse(z.string(), entry.module, [...here, 'module']);
  if (name === undefined) return undefined;
  const found = modules.get(section, name);
  if ('connector' in found) return found;
  check.report([...here, 'module'], found.message, found.expected);
  return undefined;
}

/**
 * A kind is by what a host finds its store: two connectors of one kind would be taken for each
 * other.
 */
function refuseTakenKind(
  check: Check,
  { connector, module }: LoadedModule,
  here: Path,
  configs: readonly { readonly kind: string }[],
  ofModules: Map<string, string>,
): void {
  const { kind } = connector.config;
  const other = ofModules.get(kind) ?? module;
  if (configs.some((config) => config.kind === kind))
    check.report([...here, 'module'], `its kind, ${kind}, is one of rekey's own`, 'a connector with a kind of its own');
  else if (other !== module)
    check.report([...here, 'module'], `another module has the same kind, ${kind}`, 'a connector with a kind of its own');
  ofModules.set(kind, other);
}

/** What a person carries out: as it was said, and what these settings leave no other way. */
function readManual(check: Check, config: StoreConfig, settings: unknown, named: unknown, path: Path): readonly ManualEffect[] {
  const said = named === undefined ? [] : (check.parse(z.array(z.enum(manualEffects)), named, path) ?? []);
  const must = settings === undefined ? [] : (config.manualBy?.(settings) ?? []);
  return manualEffects.filter((effect) => said.includes(effect) || must.includes(effect));
}

/**
 * Whatever a connector's schema says: what stands under `management` is a secret, so only its
 * reference may stand there. Keys were looked at before.
 */
function refusePlainSecrets(check: Check, value: unknown, path: Path): void {
  if (value === undefined || value === null) return;
  if (typeof value !== 'object') check.parse(reference, value, path);
  else
    for (const [key, inner] of Object.entries(value))
      refusePlainSecrets(check, inner, [...path, Array.isArray(value) ? Number(key) : key]);
}
