/** Enforces who may import whom: the table of docs/architecture.md, row by row, on every import of the product's folders. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** Folders by their narrowest name: `activities/key-stores/datadog/client.ts` is of `activities/key-stores/datadog`. */
const places = [
  'workflows/domain',
  'workflows',
  'activities/ports',
  'activities/http',
  'activities/machines',
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
const shared = [domain, ports, 'activities/http', 'activities/configuration', 'activities'];

/** What each place may import besides itself. `type:` means types only, `file:` one file. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  [domain]: [],
  workflows: [domain, 'type:activities', `type:${ports}`],
  [ports]: shared,
  'activities/http': shared,
  'activities/configuration': [...shared, 'connector-config'],
  activities: shared,
  'activities/machines': [domain, ports, 'activities/http'],
  connector: [domain, ports, 'activities/http'],
  'app-host': [domain, ports, 'activities/http', 'activities/machines'],
  'activities/postgres': [domain, ports, 'activities/http'],
  'activities/vault': [domain, ports],
  client: [domain, ports, 'activities/configuration', 'file:workflows/contract.ts'],
  worker: [...places.filter((place) => place !== 'sandbox'), 'connector', 'connector-config'],
  sandbox: [],
};

/** Where the code leaves the table on purpose. One that is no longer needed fails, too. */
const exceptions: Readonly<Record<string, string>> = {
  'activities/postgres -> activities/vault':
    "A secret is written in the transaction of the step that made it: `storeSealed` is the vault's one statement in the ledger's unit of work.",
  'activities/vault -> activities/postgres': 'The vault is a table of the same database, and its classes take the same pool.',
};

/** Workflow code runs where there is no outside; the domain also where there is no Temporal. */
const packagesOf: Readonly<Record<string, readonly string[]>> = {
  [domain]: ['croner'],
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

/** The connector that a file belongs to, such as `activities/key-stores/datadog`. */
const connectorOf = (file: string): string | null => /^activities\/(?:key-stores|app-hosts)\/[^/]+/.exec(file)?.[0] ?? null;

function placeOf(file: string): string {
  const place = places.find((p) => file.startsWith(`${p}/`));
  if (!place) throw new Error(`${file} has no place in the plan of the house`);
  if (connectorOf(file)) return path.posix.basename(file) === 'config.ts' ? 'connector-config' : 'connector';
  return place;
}

/** Null where the import is allowed; else the edge that the table does not have. */
function breach({ from, to, typeOnly }: Import): string | null {
  const [source, target] = [placeOf(from), placeOf(to)];
  const of = connectorOf(from)?.startsWith('activities/app-hosts/')
    ? 'app-host'
    : source === 'connector-config'
      ? 'connector'
      : source;
  const allowed = mayImport[of]!;
  if (connectorOf(from) && connectorOf(to))
    return connectorOf(from) === connectorOf(to) || isClientOfSameVendor(from, to)
      ? null
      : `${connectorOf(from)} -> ${connectorOf(to)}`;
  if (of === target && !connectorOf(from)) return null;
  if (allowed.includes(target) || allowed.includes(`file:${to}`) || (typeOnly && allowed.includes(`type:${target}`))) return null;
  return `${of} -> ${target}`;
}

/** An app host may use what its vendor's key store knows of the vendor: `soar-app-host` that of `soar`. */
function isClientOfSameVendor(from: string, to: string): boolean {
  const [host, store] = [path.posix.basename(connectorOf(from)!), path.posix.basename(connectorOf(to)!)];
  return (
    from.startsWith('activities/app-hosts/') &&
    to.startsWith('activities/key-stores/') &&
    (host === store || host.startsWith(`${store}-`))
  );
}

describe('the walls of the house', () => {
  it('are looked at in every file', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  it('are passed only where the table has a door, or an exception gives its reason', () => {
    const found = imports
      .filter((i) => inside(i.to))
      .flatMap((i) => (breach(i) ? [{ edge: breach(i)!, file: `${i.from} imports ${i.to}` }] : []));
    expect(found.filter(({ edge }) => !(edge in exceptions)).map(({ edge, file }) => `${edge}: ${file}`)).toEqual([]);
    expect(Object.keys(exceptions).filter((edge) => !found.some((f) => f.edge === edge))).toEqual([]);
  });

  it('lead nowhere out of the house', () => {
    expect(imports.filter((i) => i.to.startsWith('.') || (i.to.includes('/') && i.to.endsWith('.ts') && !inside(i.to)))).toEqual(
      [],
    );
  });

  it.each(Object.entries(packagesOf))('let only harmless packages into %s', (place, packages) => {
    const foreign = imports.filter((i) => placeOf(i.from) === place && !inside(i.to)).filter((i) => !packages.includes(i.to));
    expect(foreign.map((i) => `${i.from} imports ${i.to}`)).toEqual([]);
  });
});
