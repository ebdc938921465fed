/**
 * Enforces who may import whom: the table of docs/architecture.md, row by row, on every import of
 * the product's folders.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * Rooms, the narrowest first: `activities/connectors/http/client.ts` is in
 * `activities/connectors/http`.
 */
const places = [
  'workflows/domain',
  'workflows',
  'activities/steps',
  'activities/ports',
  'activities/connectors/http',
  'activities/connectors/machines',
  'activities/connectors',
  'activities/configuration',
  'activities/postgres',
  'activities/vault',
  'activities',
  'worker',
  'client',
  'sandbox',
];

const domain = 'workflows/domain';
const ports = 'activities/ports';
const http = 'activities/connectors/http';
const machines = 'activities/connectors/machines';

/**
 * What each room may import besides itself. `type:` means types only; a file stands for itself
 * alone.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  [domain]: [],
  workflows: [domain, 'type:activities/index.ts'],
  [ports]: [domain],
  'activities/steps': [domain, ports, 'activities/deps.ts'],
  // Its list, what its activities are given, and the border to Temporal.
  activities: [domain, ports, 'activities/steps'],
  [http]: [domain, ports],
  [machines]: [domain, ports, http],
  // What a third party imports.
  'activities/connectors': [domain, ports, http],
  'key-store': [domain, ports, http],
  'app-host': [domain, ports, http, machines],
  'activities/configuration': [domain, ports, 'connector-config'],
  'activities/postgres': [domain, ports],
  'activities/vault': [domain, ports],
  client: [domain, ports, 'activities/configuration', 'workflows/contract.ts'],
  worker: [...places.filter((place) => place !== 'sandbox'), 'key-store', 'app-host'],
  sandbox: [],
};

/** Workflow code runs where there is no outside; the domain also where there is no Temporal. */
const packagesOf: Readonly<Record<string, readonly string[]>> = {
  [domain]: [],
  workflows: ['@temporalio/workflow', '@temporalio/common'],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = ['workflows', 'activities', 'worker', 'client', 'sandbox'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(folder, name)),
);
const imports = files.flatMap(importsOf);

function importsOf(from: string): readonly Import[] {
  const text = readFileSync(path.join(root, from), 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)';?$|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gms,
  );
  return [...found].map(([, type, names, specifier, dynamic]) => {
    const to = (specifier ?? dynamic)!;
    const members =
      /^\{(.*)\}$/s
        .exec(names?.trim() ?? '')?.[1]
        ?.split(',')
        .map((m) => m.trim())
        .filter(Boolean) ?? [];
    return {
      from,
      to: to.startsWith('.') ? path.posix.join(path.posix.dirname(from), to).replace(/\.js$/, '.ts') : to,
      typeOnly: type !== undefined || (members.length > 0 && members.every((m) => m.startsWith('type '))),
    };
  });
}

const inside = (to: string): boolean => places.some((place) => to === place || to.startsWith(`${place}/`));

/** The connector that a file belongs to, such as `activities/connectors/key-stores/datadog`. */
const connectorOf = (file: string): string | null =>
  /^activities\/connectors\/(?:key-stores|app-hosts)\/[^/]+/.exec(file)?.[0] ?? null;

function placeOf(file: string): string {
  if (connectorOf(file)) return file.startsWith('activities/connectors/app-hosts/') ? 'app-host' : 'key-store';
  const place = places.find((p) => file.startsWith(`${p}/`));
  if (!place) throw new Error(`${file} has no place in the plan of the house`);
  return place;
}

/**
 * Inside the client: operations are asked by more than the command line, and commands are words
 * around operations. Of what is marked `type:` they may use the types.
 */
const mayNotImport: Readonly<Record<string, readonly string[]>> = {
  'client/operations': [
    'client/commands',
    'client/main.ts',
    'client/output.ts',
    'client/local-access.ts',
    'type:client/environment.ts',
  ],
  'client/commands': ['@temporalio', 'type:client/ledger/views.ts', 'client/connection.ts'],
};

/** Null where the import is allowed; else the edge that the table does not have. */
function breach({ from, to, typeOnly }: Import): string | null {
  const [source, target] = [placeOf(from), placeOf(to)];
  const [ours, theirs] = [connectorOf(from), connectorOf(to)];
  if (ours && theirs) return ours === theirs || isClientOfSameVendor(from, to) ? null : `${ours} -> ${theirs}`;
  if (source === target) return null;
  const names = [target, to, ...(theirs && path.posix.basename(to) === 'config.ts' ? ['connector-config'] : [])];
  const allowed = mayImport[source]!;
  if (names.some((name) => allowed.includes(name) || (typeOnly && allowed.includes(`type:${name}`)))) return null;
  return `${source} -> ${target}`;
}

/**
 * An app host may use what its vendor's key store knows of the vendor: `soar-app-host` that of
 * `soar`.
 */
function isClientOfSameVendor(from: string, to: string): boolean {
  const [host, store] = [path.posix.basename(connectorOf(from)!), path.posix.basename(connectorOf(to)!)];
  return placeOf(from) === 'app-host' && placeOf(to) === 'key-store' && (host === store || host.startsWith(`${store}-`));
}

describe('the walls of the house', () => {
  it('are looked at in every file', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  it('are passed only where the table has a door', () => {
    const found = imports
      .filter((i) => inside(i.to))
      .flatMap((i) => (breach(i) ? [`${breach(i)}: ${i.from} imports ${i.to}`] : []));
    expect(found).toEqual([]);
  });

  it.each(Object.entries(mayNotImport))('part %s from what only others may use', (folder, forbidden) => {
    const from = imports.filter((i) => i.from.startsWith(`${folder}/`));
    const isForbidden = ({ to, typeOnly }: Import) =>
      forbidden.some((rule) => {
        const place = rule.replace(/^type:/, '');
        return (to === place || to.startsWith(`${place}/`)) && !(typeOnly && rule !== place);
      });
    expect(from.length).toBeGreaterThan(10);
    expect(from.filter(isForbidden).map((i) => `${i.from} imports ${i.to}`)).toEqual([]);
  });

  it.each([
    [/\bproxy(?:Local)?Activities[<(]/, 'workflows/activity-options.ts'],
    [/\.workflow\s*\.(?:start|execute|signalWithStart)\w*\(|\.(?:executeUpdate|startUpdate)\(/, 'client/messages.ts'],
    [/\bsetDefault(?:Update|Signal|Query)Handler\(|\bdefineSignal\b/, null],
  ])('let messages through one door: %s', (sends, door) => {
    const senders = files.filter((file) => sends.test(readFileSync(path.join(root, file), 'utf8')));
    expect(senders).toEqual(door === null ? [] : [door]);
  });

  it('lead nowhere out of the house', () => {
    expect(imports.filter((i) => i.to.startsWith('.') || (i.to.includes('/') && i.to.endsWith('.ts') && !inside(i.to)))).toEqual(
      [],
    );
  });

  it('let no program be started but by the one who gives it an environment of its own', () => {
    const starters = imports.filter(
      (i) => /^(node:)?(child_process|cluster)$/.test(i.to) && !i.typeOnly && placeOf(i.from) !== 'sandbox',
    );
    expect(starters.map((i) => i.from)).toEqual(['activities/ports/child.ts']);
  });

  it.each(Object.entries(packagesOf))('let only harmless packages into %s', (place, packages) => {
    const foreign = imports.filter((i) => placeOf(i.from) === place && !inside(i.to)).filter((i) => !packages.includes(i.to));
    expect(foreign.map((i) => `${i.from} imports ${i.to}`)).toEqual([]);
  });
});
