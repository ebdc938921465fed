/**
 * Owns the setting back of a ledger: what a replica does that is promoted without the last commits.
 */
import type { Database } from '../../activities/postgres/pool.js';

const tables = [
  'ledger',
  'configurations',
  'credentials',
  'vault_secrets',
  'versions',
  'runs',
  'waits',
  'verbs',
  'steps',
  'intents',
  'observations',
  'leases',
  'audit_events',
  'outbox',
  'incidents',
  'incident_items',
];

/** A copy of every row, as they are at one moment. */
export async function copyLedger(database: Database): Promise<void> {
  await database.transaction(async (client) => {
    await client.query('set transaction isolation level repeatable read');
    await client.query('drop schema if exists copy cascade; create schema copy');
    for (const table of tables) await client.query(`create table copy.${table} as table public.${table}`);
  });
}

/** Puts the copy in the place of everything that was committed since. */
export async function setBackLedger(database: Database): Promise<void> {
  // A worker in the middle of a transaction may hold what this one wants, and want what it holds:
  // PostgreSQL then ends one of the two.
  for (let tries = 10; ; tries--) {
    try {
      return await putBack(database);
    } catch (error) {
      if (tries === 0 || !String(error).includes('40P01')) throw error;
    }
  }
}

async function putBack(database: Database): Promise<void> {
  await database.transaction(async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query(`truncate ${tables.map((table) => `public.${table}`).join(', ')} cascade`);
    for (const table of tables) {
      const { rows } = await client.query(
        `select string_agg(quote_ident(column_name), ', ') as names from information_schema.columns where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'`,
        [table],
      );
      const { names } = rows[0] as { names: string };
      await client.query(`insert into public.${table} (${names}) overriding system value select ${names} from copy.${table}`);
    }
  });
}
