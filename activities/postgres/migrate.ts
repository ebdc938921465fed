/**
 * Owns bringing the schema up to date: forward only, safe when several start at once, refusing a
 * database that is newer than this release.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { RekeyError } from '../../workflows/domain/errors.js';
import { type Asking, withPassword } from './pool.js';

const folder = fileURLToPath(new URL('./migrations', import.meta.url));
const table = 'schema_migrations';
/** Any constant will do, as long as every release uses the same one. */
const lockKey = 7_302_601;

const ours = (): readonly string[] =>
  readdirSync(folder)
    .filter((f) => f.endsWith('.sql'))
    .map((f) => f.slice(0, -4))
    .sort();

/**
 * Applies what is missing and returns its names. A second migrator waits for the first, then finds
 * nothing to do.
 */
export async function migrate(url: string, passwordFile: string | null): Promise<readonly string[]> {
  // Every worker looks at the schema, and hardly any changes it.
  const { runner } = await import('node-pg-migrate');
  const client = new pg.Client({ connectionString: withPassword(url, passwordFile), connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    await refuseNewer(client);
    const ran = await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable: table,
      noLock: true,
      singleTransaction: true,
      log: () => undefined,
    });
    return ran.map((m) => m.name);
  } finally {
    await client.end();
  }
}

/** Throws KR_SCHEMA_NEWER or KR_SCHEMA_OLDER when this release does not fit the database. */
export async function checkSchema(client: Asking): Promise<void> {
  const applied = await appliedIn(client);
  const unknown = applied.filter((name) => !ours().includes(name));
  if (unknown.length > 0)
    throw new RekeyError('KR_SCHEMA_NEWER', `the database has ${unknown.join(', ')}, which this release does not know`);
  const missing = ours().filter((name) => !applied.includes(name));
  if (missing.length > 0) throw new RekeyError('KR_SCHEMA_OLDER', `the database lacks ${missing.join(', ')}`);
}

async function refuseNewer(client: pg.Client): Promise<void> {
  const unknown = (await appliedIn(client)).filter((name) => !ours().includes(name));
  if (unknown.length > 0)
    throw new RekeyError('KR_SCHEMA_NEWER', `the database has ${unknown.join(', ')}, which this release does not know`);
}

async function appliedIn(client: Asking): Promise<readonly string[]> {
  const { rows } = await client.query<{ there: string | null }>('select to_regclass($1) as there', [table]);
  if (rows[0]?.there == null) return [];
  return (await client.query<{ name: string }>(`select name from ${table} order by name`)).rows.map((r) => r.name);
}
