/**
 * Owns loading the connector of a third party: a file, by its path from the folder of rekey.yaml,
 * or an installed package, by its name.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RekeyError } from '../../workflows/domain/errors.js';
import { type AppHostConnector, type KeyStoreConnector, portVersion } from '../ports/connector.js';
import { SourceDocument } from './document.js';

export type Section = 'stores' | 'hosts';

interface ConnectorOf {
  readonly stores: KeyStoreConnector;
  readonly hosts: AppHostConnector;
}

export interface LoadedModule {
  readonly connector: KeyStoreConnector | AppHostConnector;
  /**
   * As the applied configuration names it: files by their absolute path, since a worker does not
   * know the folder of rekey.yaml.
   */
  readonly module: string;
}

/** What speaks against a module. Neither text repeats a value of the file. */
export interface ModuleProblem {
  readonly message: string;
  readonly expected: string;
}

/** The modules of one file, loaded before the file is read. */
export class Modules {
  readonly #found = new Map<string, LoadedModule | ModuleProblem>();

  set(section: Section, name: string, found: LoadedModule | ModuleProblem): void {
    this.#found.set(`${section} ${name}`, found);
  }

  get(section: Section, name: string): LoadedModule | ModuleProblem {
    return this.#found.get(`${section} ${name}`) ?? notThere;
  }
}

/**
 * Loads what the text of a configuration names. A module that cannot be loaded is a problem of its
 * place, found when the text is read.
 */
export async function loadModules(text: string, folder: string): Promise<Modules> {
  const modules = new Modules();
  const { value } = new SourceDocument(text);
  for (const section of ['stores', 'hosts'] as const) {
    for (const name of modulesNamed(value, section)) {
      const module = isPath(name) ? path.resolve(folder, name) : name;
      const connector = await load(section, module, folder);
      modules.set(section, name, 'message' in connector ? connector : { connector, module });
    }
  }
  return modules;
}

/**
 * The same on a worker, by the name that the applied configuration has. Throws
 * KR_MODULE_UNAVAILABLE.
 */
export async function connectorOf<Which extends Section>(
  section: Which,
  module: string,
  folder: string,
): Promise<ConnectorOf[Which]> {
  const found = await load(section, module, folder);
  if ('message' in found)
    throw new RekeyError('KR_MODULE_UNAVAILABLE', `${module}: ${found.message}; expected ${found.expected}`);
  return found as ConnectorOf[Which];
}

const notThere: ModuleProblem = {
  message: 'there is no such module',
  expected: 'the path of a file such as "./my-store.js", or the name of a package that is installed here or beside rekey',
};

const isPath = (name: string): boolean => /^\.{0,2}\//.test(name);
const isPackage = (name: string): boolean => /^(@[\w.-]+\/)?\w[\w.-]*(\/[\w.-]+)*$/.test(name);

async function load(
  section: Section,
  module: string,
  folder: string,
): Promise<KeyStoreConnector | AppHostConnector | ModuleProblem> {
  const file = isPath(module) ? existing(module) : isPackage(module) ? fileOfPackage(module, folder) : null;
  if (file === null) return notThere;
  if (takesAnotherRekey(file))
    return {
      message: 'it takes `rekey` from another place than the one that runs, whose errors and secrets are not the same',
      expected: 'one copy of rekey, found from the folder of the module',
    };
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    return notLoaded(error);
  }
  return problemOf(section, exported.connector) ?? (exported.connector as KeyStoreConnector | AppHostConnector);
}

function existing(file: string): string | null {
  return existsSync(file) ? file : null;
}

/** Packages are looked for from the folder, and then from where rekey itself is installed. */
function fileOfPackage(name: string, folder: string): string | null {
  for (const from of [path.join(folder, 'rekey.yaml'), fileURLToPath(import.meta.url)]) {
    try {
      const found = createRequire(from).resolve(name);
      // The name of a part of Node is found, too.
      if (path.isAbsolute(found)) return found;
    } catch {
      // Looked for at the next place.
    }
  }
  return null;
}

/**
 * Two copies have two classes of the same name: an error of one would be a stranger to the other.
 */
function takesAnotherRekey(file: string): boolean {
  try {
    return rootOf(createRequire(file).resolve('rekey')) !== rootOf(fileURLToPath(import.meta.url));
  } catch {
    return false; // It takes none, or the import says so itself.
  }
}

/** The folder of the package `rekey` that a file is in. */
function rootOf(file: string): string | null {
  for (let folder = path.dirname(realpathSync(file)); ; folder = path.dirname(folder)) {
    const description = path.join(folder, 'package.json');
    if (existsSync(description) && JSON.parse(readFileSync(description, 'utf8')).name === 'rekey') return folder;
    if (folder === path.dirname(folder)) return null;
  }
}

function notLoaded(error: unknown): ModuleProblem {
  const { name, code, message }: NodeJS.ErrnoException = error instanceof Error ? error : new Error();
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /'([\w@./-]+)'/.exec(message)?.[1] : undefined;
  if (missing !== undefined)
    return {
      message: `it imports ${path.isAbsolute(missing) ? path.basename(missing) : missing}, which is not there`,
      expected: 'what it needs, installed beside it',
    };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' || error instanceof SyntaxError)
    return { message: 'it is nothing that Node can load', expected: 'an ES module, such as my-store.js' };
  return { message: `it fails while it is loaded (${name})`, expected: 'a module that does nothing but export its connector' };
}

/** What is missing of a connector, the first thing first. */
function problemOf(section: Section, connector: unknown): ModuleProblem | null {
  if (!isObject(connector)) return { message: 'it exports no connector', expected: '`export const connector = …`' };
  if (connector.portVersion !== portVersion) {
    const said = typeof connector.portVersion === 'number' ? `version ${connector.portVersion}` : 'no version';
    return {
      message: `its connector names ${said} of the ports`,
      expected: `\`portVersion: ${portVersion}\`, as \`rekey\` exports it`,
    };
  }
  const config = isObject(connector.config) ? connector.config : {};
  const other = section === 'stores' ? 'consumer' : 'strategies';
  if (other in config)
    return section === 'stores'
      ? { message: 'its connector is an app host', expected: 'a key store' }
      : { message: 'its connector is a key store', expected: 'an app host' };
  const parts = section === 'stores' ? partsOfStore : partsOfHost;
  const lacking = Object.entries(parts).find(([name, fits]) => !fits(config[name]));
  if (lacking) return { message: `its connector has no right \`config.${lacking[0]}\``, expected: 'what the port says' };
  return typeof connector.open === 'function' ? null : { message: 'its connector has no `open`', expected: 'what the port says' };
}

type Parts = Readonly<Record<string, (value: unknown) => boolean>>;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isSchema = (value: unknown): boolean => isObject(value) && typeof value.safeParse === 'function';
const isKind = (value: unknown): boolean => typeof value === 'string' && /^[a-z0-9][a-z0-9-]*$/.test(value);
const isStrategies = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((name) => name === 'overlap' || name === 'in-place');

const partsOfStore: Parts = {
  kind: isKind,
  settings: isSchema,
  attributes: isSchema,
  strategies: isStrategies,
  assumptions: isObject,
};
const partsOfHost: Parts = {
  kind: isKind,
  settings: isSchema,
  consumer: isSchema,
  findsConsumers: (value) => typeof value === 'boolean',
};

function modulesNamed(document: unknown, section: Section): ReadonlySet<string> {
  const entries = isObject(document) && isObject(document[section]) ? Object.values(document[section]) : [];
  return new Set(entries.flatMap((entry) => (isObject(entry) && typeof entry.module === 'string' ? [entry.module] : [])));
}
