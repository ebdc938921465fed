/**
 * Owns what the command line knows of where it runs: who asks, and where PostgreSQL, Temporal and
 * the keys are, from the environment or from REKEY_HOME.
 */
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { RekeyError } from '../workflows/domain/errors.js';
import type { Who } from '../workflows/domain/who.js';

/** The account that runs this program; a name, and no proof of it. */
export const whoAsks = (): Who => ({ kind: 'person', name: userInfo().username, proof: 'none', channel: 'command-line' });

export interface Installation {
  /** Without a password. */
  readonly databaseUrl: string;
  readonly passwordFile: string | null;
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  readonly keysFolder: string;
  /** Where signed heads of the audit trail are kept; null where nobody said. */
  readonly headsFile: string | null;
}

/** What `rekey up` leaves in state.json for everyone who comes after it. */
interface EmbeddedState {
  readonly temporal?: string;
  readonly database?: string;
  readonly passwordFile?: string;
  readonly keys?: string;
  readonly heads?: string;
  readonly services?: Readonly<Record<string, RecordedService>>;
}

export interface RecordedService {
  readonly pid: number;
  readonly state: string;
}

export const homeFolder = (env = process.env): string => path.resolve(env.REKEY_HOME ?? '.rekey');

export function findInstallation(env = process.env): Installation {
  const state = readState(homeFolder(env));
  const databaseUrl = env.DATABASE_URL ?? state.database;
  const temporalAddress = env.TEMPORAL_ADDRESS ?? state.temporal;
  const keysFolder = env.REKEY_KEYS ?? state.keys;
  if (!databaseUrl || !temporalAddress || !keysFolder) {
    const missing = [!databaseUrl && 'DATABASE_URL', !temporalAddress && 'TEMPORAL_ADDRESS', !keysFolder && 'REKEY_KEYS']
      .filter(Boolean)
      .join(', ');
    throw new RekeyError('KR_SERVICE_AWAY', `there is no installation in ${homeFolder(env)}, and ${missing} is not set`);
  }
  // A password file that was set for another database must not be sent to this one.
  const passwordFile = env.REKEY_DATABASE_PASSWORD_FILE ?? (env.DATABASE_URL ? null : (state.passwordFile ?? null));
  // Nor are heads of another ledger what this one is held against.
  const headsFile = env.REKEY_AUDIT_HEADS ?? (env.DATABASE_URL ? null : (state.heads ?? null));
  return {
    databaseUrl,
    passwordFile,
    headsFile,
    temporalAddress,
    temporalNamespace: env.TEMPORAL_NAMESPACE ?? 'default',
    keysFolder,
  };
}

export function readState(home: string): EmbeddedState {
  const file = path.join(home, 'state.json');
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as EmbeddedState;
  } catch {
    return {};
  }
}
