/**
 * Owns a snapshot of an installation in the middle of its work: ledger, keys, and the sandbox's
 * accounts and files, in words that no machine owns.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { migrate } from '../../activities/postgres/migrate.js';
import { freePort } from '../../worker/embedded/ports.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import type { Lane } from '../support/lane.js';

const root = path.resolve(import.meta.dirname, '../..');

interface Snapshot {
  readonly migrations: readonly string[];
  /** Rows as the database prints them, table by table. */
  readonly tables: Readonly<Record<string, readonly object[]>>;
  /** By path below the folder of the installation. */
  readonly files: Readonly<Record<string, { readonly mode: number; readonly text: string }>>;
  /** Names of the sandbox's doors, whose ports are chosen anew. */
  readonly doors: readonly string[];
}

/** Of the sandbox's state: what is about this machine, or counts from the start. */
const passing = /state\/(ports|processes|traffic|faults)\.json$|requests\.jsonl$/;

export async function take(lane: Lane): Promise<string> {
  const { rows: names } = await lane.database.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'schema_migrations' order by 1`,
  );
  const tables: Record<string, object[]> = {};
  for (const { name } of names)
    tables[name] = (await lane.database.query<{ row: object }>(`select to_jsonb(t) as row from "${name}" t`)).rows.map(
      (r) => r.row,
    );
  const { rows: migrations } = await lane.database.query<{ name: string }>('select name from schema_migrations order by name');
  const ports = JSON.parse(readFileSync(path.join(lane.folder, 'sandbox/state/ports.json'), 'utf8')) as Record<string, number>;
  const files = {
    ...filesOf(lane.folder, 'sandbox'),
    ...filesOf(path.dirname(lane.keysFolder), path.basename(lane.keysFolder), /^(vault|codec)-/),
  };
  const snapshot: Snapshot = { migrations: migrations.map((m) => m.name), tables, files, doors: Object.keys(ports) };
  let text = JSON.stringify(snapshot, null, 1);
  for (const [door, port] of Object.entries(ports)) text = text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:<port of ${door}>`);
  return `${text.replaceAll(root, '<rekey>').replaceAll(lane.folder, '<folder>').replaceAll(process.execPath, '<node>').replaceAll(os.hostname(), '<machine>')}\n`;
}

/** Brings it to this machine, and its ledger to the schema of this release. */
export async function restore(text: string, folder: string): Promise<TestDatabase & { readonly keys: string }> {
  const { doors } = JSON.parse(text) as Snapshot;
  const ports = Object.fromEntries(await Promise.all(doors.map(async (door) => [door, await freePort(undefined)] as const)));
  let here = text;
  for (const [door, port] of Object.entries(ports)) here = here.replaceAll(`<port of ${door}>`, String(port));
  here = here
    .replaceAll('<rekey>', root)
    .replaceAll('<folder>', folder)
    .replaceAll('<node>', process.execPath)
    .replaceAll('<machine>', os.hostname());
  const { migrations, tables, files } = JSON.parse(here) as Snapshot;
  for (const [name, file] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true, mode: 0o700 });
    writeFileSync(path.join(folder, name), file.text);
    chmodSync(path.join(folder, name), file.mode);
  }
  writeFileSync(path.join(folder, 'sandbox/state/ports.json'), JSON.stringify(ports));

  const made = await createDatabase('template0');
  const client = new pg.Client({ connectionString: made.url });
  await client.connect();
  await runner({
    dbClient: client,
    dir: path.join(root, 'activities/postgres/migrations'),
    direction: 'up',
    count: migrations.length,
    migrationsTable: 'schema_migrations',
    noLock: true,
    singleTransaction: true,
    log: () => undefined,
  });
  // No key of another table is looked for while rows come in, and no trigger asks why.
  await client.query(`set session_replication_role = 'replica'`);
  for (const [name, rows] of Object.entries(tables)) {
    await client.query(`delete from "${name}"`);
    for (const row of rows)
      await client.query(
        `insert into "${name}" overriding system value select * from jsonb_populate_record(null::"${name}", $1)`,
        [row],
      );
  }
  const { rows: counted } = await client.query<{ name: string; column: string }>(
    `select table_name as name, column_name as column from information_schema.columns
     where table_schema = 'public' and is_identity = 'YES' and table_name <> 'schema_migrations'`,
  );
  for (const { name, column } of counted)
    await client.query(
      `select setval(pg_get_serial_sequence('"${name}"', '${column}'), coalesce(max("${column}"), 0) + 1, false) from "${name}"`,
    );
  await client.end();
  await migrate(made.url, null);
  return { ...made, keys: path.join(folder, 'keys') };
}

function filesOf(folder: string, below: string, wanted: RegExp = /./): Record<string, { mode: number; text: string }> {
  return Object.fromEntries(
    readdirSync(path.join(folder, below), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && wanted.test(entry.name))
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
      .filter((name) => !passing.test(name))
      .sort()
      .map((name) => {
        const file = path.join(folder, name);
        return [name, { mode: statSync(file).mode & 0o777, text: readFileSync(file, 'utf8') }];
      }),
  );
}
