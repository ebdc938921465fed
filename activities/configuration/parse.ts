/** Owns reading rekey.yaml: text in, a whole checked configuration or every problem at once out, each with its place and what would be right. */
import { createHash } from 'node:crypto';
import { isAlias, isCollection, LineCounter, parseDocument, visit, type Document } from 'yaml';
import type { z } from 'zod';
import type { Configuration, ConnectorDeclaration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { ConsumersSpec, JsonObject } from '../../workflows/domain/credential.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { type ConnectorConfigs, type CredentialEntry, defaultPolicy, defaultRollout, type File, file as fileSchema, referenceProblems } from './schema.js';

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document, such as `credentials.datadog/agents.store`. */
  readonly path: string;
  readonly message: string;
}

export type Parsed = { readonly ok: true; readonly configuration: Configuration; readonly hash: string } | { readonly ok: false; readonly problems: readonly Problem[] };

/** Larger files are no configuration; they are refused before anything is read out of them. */
export const largestFile = 1024 * 1024;

type Path = readonly PropertyKey[];
type Complain = (path: Path, message: string) => void;

export function parseConfiguration(text: string, file: string, connectors: ConnectorConfigs): Parsed {
  if (text.length > largestFile) return { ok: false, problems: [{ file, line: 1, column: 1, path: '', message: `the file has ${text.length} characters; at most ${largestFile} are read` }] };
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines, strict: true, uniqueKeys: true, version: '1.2' });
  const problems: Problem[] = [];
  const at = (offset: number, path: Path, message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push({ file, line, column: col, path: path.map(String).join('.'), message });
  };
  for (const error of document.errors) at(error.pos[0], [], error.message.split('\n', 1)[0]!.replace(/ at line .*$/, ''));
  // An alias can stand for itself or for a thousand copies; a configuration needs none.
  visit(document, { Alias: (_, alias) => at(alias.range?.[0] ?? 0, [], 'aliases (*name) are not read; write the value out') });
  if (problems.length > 0) return { ok: false, problems };

  const complain: Complain = (path, message) => at(offsetOf(document, path), path, message);
  const shape = fileSchema.safeParse(document.toJS() ?? {});
  if (!shape.success) {
    for (const issue of shape.error.issues) explain(issue, [], fileSchema, complain);
    // The parts of connectors are looked at all the same, so that nothing has to be corrected twice over.
    checkParts(document.toJS() as Partial<File>, connectors, complain);
    return { ok: false, problems: sorted(problems) };
  }
  const configuration = build(shape.data, connectors, complain);
  if (problems.length > 0) return { ok: false, problems: sorted(problems) };
  return { ok: true, configuration, hash: createHash('sha256').update(canonicalJson(configuration as never)).digest('hex') };
}

function build(file: File, connectors: ConnectorConfigs, complain: Complain): Configuration {
  const { stores, hosts } = checkParts(file, connectors, complain);
  const credentials = Object.fromEntries(Object.entries(file.credentials).map(([name, entry]) => [name, buildCredential(name, entry, file, connectors, complain)]));
  checkPlaces(credentials, complain);
  return { stores, hosts, credentials };
}

/** Each store and host against the schema of its connector. */
function checkParts(file: Partial<File>, connectors: ConnectorConfigs, complain: Complain): Pick<Configuration, 'stores' | 'hosts'> {
  const part = (section: 'stores' | 'hosts', known: readonly { kind: string; settings: z.ZodType<unknown> }[]) => {
    const declared: Record<string, ConnectorDeclaration> = {};
    for (const [name, entry] of Object.entries(plain(file[section]))) {
      const { kind, ...rest } = plain(entry) as JsonObject;
      const connector = known.find((c) => c.kind === kind);
      if (!connector) {
        complain([section, name, 'kind'], `expected one of ${known.map((c) => c.kind).join(', ')}`);
        continue;
      }
      for (const { path, message } of referenceProblems(rest)) complain([section, name, ...path], message);
      const settings = connector.settings.safeParse(rest);
      if (settings.success) declared[name] = { kind: connector.kind, settings: JSON.parse(JSON.stringify(settings.data)) as JsonObject };
      else for (const issue of settings.error.issues) explain(issue, [section, name], connector.settings, complain);
    }
    return declared;
  };
  const stores = part('stores', connectors.stores);
  const hosts = part('hosts', connectors.hosts);
  for (const [name, host] of Object.entries(hosts)) {
    const store = host.settings.store;
    if (typeof store === 'string' && !Object.hasOwn(plain(file.stores), store)) complain(['hosts', name, 'store'], unknownName('store', store, Object.keys(plain(file.stores))));
  }
  return { stores, hosts };
}

function buildCredential(name: string, entry: CredentialEntry, file: File, connectors: ConnectorConfigs, complain: Complain): CredentialDeclaration {
  const here = ['credentials', name];
  const store = file.stores[entry.store];
  if (!store) complain([...here, 'store'], unknownName('store', entry.store, Object.keys(file.stores)));
  const kind = connectors.stores.find((c) => c.kind === store?.kind);
  if (kind && !kind.strategies.includes(entry.strategy)) complain([...here, 'strategy'], `${kind.kind} can do ${kind.strategies.join(' and ')}`);
  const attributes = kind?.attributes.safeParse(entry.attributes);
  if (attributes && !attributes.success) for (const issue of attributes.error.issues) explain(issue, [...here, 'attributes'], kind!.attributes, complain);

  const policy = { ...defaultPolicy, ...strip(file.defaults.policy), ...strip(entry.policy) };
  const consumers = buildConsumers(entry, here, file, connectors, complain);
  if (policy.every !== null && policy.every <= policy.grace + policy.soak) {
    complain([...here, 'policy'], `a rotation takes at least grace + soak, which is not shorter than every`);
  }
  return {
    name,
    store: entry.store,
    strategy: entry.strategy,
    attributes: (attributes?.success ? JSON.parse(JSON.stringify(attributes.data)) : {}) as JsonObject,
    consumers,
    rollout: { ...defaultRollout, ...strip(file.defaults.rollout), ...strip(entry.rollout) },
    policy,
    accept: entry.accept,
    current: entry.current ? { id: entry.current.id, secret: entry.current.secret ?? null } : null,
  };
}

function buildConsumers(entry: CredentialEntry, here: Path, file: File, connectors: ConnectorConfigs, complain: Complain): ConsumersSpec {
  const { consumers } = entry;
  const hostOf = (name: string, path: Path) => {
    const host = file.hosts[name];
    if (!host) complain(path, unknownName('host', name, Object.keys(file.hosts)));
    return connectors.hosts.find((c) => c.kind === host?.kind);
  };
  if (consumers === undefined) {
    complain(here, 'expected consumers; if nobody uses the key, say consumers: none');
    return { kind: 'none' };
  }
  if (consumers === 'none') return { kind: 'none' };
  if (!Array.isArray(consumers)) {
    const host = hostOf(consumers.host, [...here, 'consumers', 'host']);
    if (host && !host.findsConsumers) complain([...here, 'consumers', 'all'], `hosts of kind ${host.kind} cannot find consumers; list them`);
    return { kind: 'all', host: consumers.host };
  }
  const seen = new Set<string>();
  const list = consumers.map(({ name, host: hostName, ...rest }, index) => {
    const path = [...here, 'consumers', index];
    if (seen.has(name)) complain([...path, 'name'], `there are two consumers named ${name}`);
    seen.add(name);
    const host = hostOf(hostName, [...path, 'host']);
    const settings = host?.consumer.safeParse(rest);
    if (settings && !settings.success) for (const issue of settings.error.issues) explain(issue, path, host!.consumer, complain);
    return { name, host: hostName, settings: (settings?.success ? JSON.parse(JSON.stringify(settings.data)) : {}) as JsonObject };
  });
  return { kind: 'list', list };
}

/** Two credentials must not write the same value of the same file. */
function checkPlaces(credentials: Readonly<Record<string, CredentialDeclaration>>, complain: Complain): void {
  const taken = new Map<string, string>();
  for (const { name, consumers } of Object.values(credentials)) {
    if (consumers.kind !== 'list') continue;
    for (const [index, { host, settings }] of consumers.list.entries()) {
      if (typeof settings.file !== 'string') continue;
      const place = `${host}:${settings.file}:${String(settings.at ?? '')}`;
      const other = taken.get(place);
      if (other) complain(['credentials', name, 'consumers', index, 'file'], `${other} writes the same value of this file`);
      taken.set(place, name);
    }
  }
}

/** One zod issue in our words: unknown keys at the key itself with the nearest known one, the deepest branch of a union. */
function explain(issue: z.core.$ZodIssue, prefix: Path, schema: z.ZodType<unknown>, complain: Complain): void {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) complain([...path, key], `unknown key ${key}${nearest(key, knownKeys(schema, issue.path))}`);
  } else if (issue.code === 'invalid_key') {
    complain(path, issue.issues[0]?.message ?? issue.message);
  } else {
    complain(path, issue.message.replace(/^Invalid input: /, ''));
  }
}

/** The keys that an object schema knows at a path; empty where that cannot be told. */
function knownKeys(schema: unknown, path: Path): readonly string[] {
  let here = schema as { def?: { type?: string; shape?: Record<string, unknown>; innerType?: unknown; in?: unknown; valueType?: unknown } } | undefined;
  const unwrap = () => {
    while (here?.def && (here.def.innerType || here.def.in)) here = (here.def.innerType ?? here.def.in) as typeof here;
  };
  for (const key of path) {
    unwrap();
    here = (here?.def?.shape?.[String(key)] ?? here?.def?.valueType) as typeof here;
  }
  unwrap();
  return Object.keys(here?.def?.shape ?? {});
}

function nearest(key: string, known: readonly string[]): string {
  const close = known.map((k) => ({ k, d: distance(key.toLowerCase(), k.toLowerCase()) })).sort((a, b) => a.d - b.d)[0];
  if (close && close.d <= Math.max(2, Math.floor(key.length / 3))) return `; did you mean ${close.k}?`;
  return known.length > 0 ? `; expected one of ${known.join(', ')}` : '';
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

function unknownName(what: string, name: string, known: readonly string[]): string {
  return `there is no ${what} ${name}${nearest(name, known) || `; declare it under ${what}s:`}`;
}

/** Where a path stands in the text: the value, or the nearest thing above it that is there. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const parent = length > 0 ? document.getIn(path.slice(0, length - 1), true) : null;
    if (isCollection(parent) && 'items' in parent) {
      const key = path[length - 1];
      const pair = (parent.items as { key?: { value?: unknown; range?: [number, number, number] } }[]).find((item) => item?.key?.value === key);
      if (pair?.key?.range) return pair.key.range[0];
    }
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
    if (node?.range && !isAlias(node)) return node.range[0];
  }
  return 0;
}

const plain = (value: unknown): Record<string, unknown> => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {});
const strip = <Part extends object>(part: Part): { [Key in keyof Part]: Exclude<Part[Key], undefined> } => JSON.parse(JSON.stringify(part)) as never;
const sorted = (problems: readonly Problem[]): readonly Problem[] =>
  [...new Map(problems.map((p) => [`${p.line}:${p.column}:${p.message}`, p])).values()].sort((a, b) => a.line - b.line || a.column - b.column);
