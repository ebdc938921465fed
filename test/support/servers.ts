/**
 * Owns the servers of a test run: one PostgreSQL and one Temporal, started once, ended with the
 * run.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../activities/postgres/migrate.js';
import { openHome } from '../../worker/embedded/home.js';
import { freePort } from '../../worker/embedded/ports.js';
import { preparePostgres } from '../../worker/embedded/postgres.js';
import { Child } from '../../worker/embedded/supervisor.js';
import { temporalServer } from '../../worker/embedded/temporal.js';
import { findTemporal } from '../../worker/embedded/temporal-binary.js';

declare module 'vitest' {
  interface ProvidedContext {
    servers: { readonly postgres: string; readonly template: string; readonly temporal: string; readonly keys: string };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'rekey-servers-'));
  // The server's own account must be able to go through it.
  chmodSync(root, 0o755);
  const home = openHome(root);
  const port = await freePort(undefined);
  const ports = {
    temporal: await freePort(undefined),
    temporalHttp: await freePort(undefined),
    temporalMetrics: await freePort(undefined),
  };
  const unwatched = () => undefined;
  const postgres = new Child(await preparePostgres(home, port), home, unwatched);
  const temporal = new Child(temporalServer(home, (await findTemporal()).path, ports), home, unwatched);
  await Promise.all([postgres.start(), temporal.start()]);

  const password = readFileSync(home.passwordFile, 'utf8').trim();
  const server = `postgres://rekey:${password}@127.0.0.1:${port}`;
  const admin = new pg.Client({ connectionString: `${server}/postgres` });
  await admin.connect();
  // A run logs in more than a thousand times, and each costs both sides thousands of hashes.
  await admin.query('set scram_iterations = 1');
  await admin.query(`alter role rekey password '${password}'`);
  await admin.query('create database template_rekey');
  await migrate(`${server}/template_rekey`, null);
  await admin.end();

  project.provide('servers', {
    postgres: server,
    template: 'template_rekey',
    temporal: `127.0.0.1:${ports.temporal}`,
    keys: home.keys,
  });
  return async () => {
    await Promise.all([temporal.stop(5_000), postgres.stop(5_000)]);
    rmSync(root, { recursive: true, force: true });
  };
}
