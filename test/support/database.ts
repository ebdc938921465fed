/**
 * Owns a database of its own for each test file, cloned from the migrated template; the ledger in
 * it is a new one.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../activities/postgres/pool.js';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
}

export async function cloneDatabase(): Promise<TestDatabase> {
  const { url, database } = await createDatabase(inject('servers').template);
  await database.query('update ledger set id = $1', [randomBytes(4).toString('hex')]);
  return { url, database };
}

export async function createDatabase(template: string): Promise<TestDatabase> {
  const { postgres } = inject('servers');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: `${postgres}/postgres` });
  await admin.connect();
  await admin.query(`create database ${name} template ${template}`);
  await admin.end();
  const url = `${postgres}/${name}`;
  return { url, database: openDatabase(url, null) };
}
