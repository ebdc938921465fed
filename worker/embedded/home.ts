/**
 * Owns the layout of the home folder (`.rekey/`): folders, the keys of the first start, and the
 * state that others read.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readOwnFile, requireOwnFolder } from '../../activities/ports/own-file.js';
import { makeAuditKey } from '../../activities/vault/head-signer.js';

export interface Home {
  readonly root: string;
  readonly keys: string;
  readonly logs: string;
  readonly postgres: string;
  readonly temporal: string;
  readonly sandbox: string;
  readonly passwordFile: string;
  readonly stateFile: string;
  /** Signed heads of the audit trail, outside of what PostgreSQL's account can reach. */
  readonly headsFile: string;
}

/**
 * Makes what is missing and nothing else: keys that exist are never written over. Throws
 * KR_FILE_NOT_OURS where somebody else could change what we put there.
 */
export function openHome(root: string): Home {
  const home: Home = {
    root,
    keys: path.join(root, 'keys'),
    logs: path.join(root, 'logs'),
    postgres: path.join(root, 'postgres'),
    temporal: path.join(root, 'temporal'),
    sandbox: path.join(root, 'sandbox'),
    passwordFile: path.join(root, 'keys', 'postgres-password'),
    stateFile: path.join(root, 'state.json'),
    headsFile: path.join(root, 'audit-heads.jsonl'),
  };
  // The account of the embedded PostgreSQL goes through it.
  mkdirSync(root, { recursive: true, mode: 0o755 });
  requireOwnFolder(root);
  for (const folder of [home.keys, home.logs, home.temporal]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    requireOwnFolder(folder);
  }
  for (const kind of ['vault', 'codec']) {
    if (readdirSync(home.keys).some((name) => name.startsWith(`${kind}-`))) continue;
    writeFileSync(
      path.join(home.keys, `${kind}-${randomBytes(4).toString('hex')}.key`),
      `${randomBytes(32).toString('base64')}\n`,
      { mode: 0o600, flag: 'wx' },
    );
  }
  if (!readdirSync(home.keys).some((name) => name.startsWith('audit-'))) makeAuditKey(home.keys, randomBytes(4).toString('hex'));
  if (!existsSync(home.passwordFile))
    writeFileSync(home.passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  return home;
}

export interface ServiceState {
  readonly pid: number;
  /**
   * Clock ticks since boot at which the process began: with the pid it names a process for good.
   */
  readonly startedTicks: string | null;
  readonly command: string;
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped';
  readonly restarts: number;
}

export interface HomeState {
  readonly up?: { readonly pid: number; readonly startedTicks: string | null };
  readonly services: Readonly<Record<string, ServiceState>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly temporal?: string;
  readonly database?: string;
  readonly passwordFile?: string;
  readonly keys?: string;
  readonly heads?: string;
}

export function readHomeState(home: Home): HomeState {
  const nothing = { services: {}, ports: {} };
  const text = readOwnFile(home.stateFile);
  try {
    return { ...nothing, ...(JSON.parse(text ?? '{}') as Partial<HomeState>) };
  } catch {
    return nothing;
  }
}

/** Written aside and renamed: whoever reads it sees the old one or the new one, never half. */
export function writeHomeState(home: Home, state: HomeState): void {
  const aside = `${home.stateFile}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(aside, home.stateFile);
}
