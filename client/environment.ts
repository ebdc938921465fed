/**
 * Owns what our programs know of where they run: who asks, where PostgreSQL, Temporal and the keys
 * are, from the environment or from REKEY_HOME, and what a worker may do here.
 */
import { userInfo } from 'node:os';
import path from 'node:path';
import { readOwnFile, requireOwnFolder } from '../activities/ports/own-file.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { type Power, powers } from '../workflows/domain/powers.js';
import type { Who } from '../workflows/domain/who.js';
import { homeFolder } from './home.js';
import { databaseReach, type TemporalReach, temporalReach, wordsIn } from './reach.js';

/** The account that runs this program; a name, and no proof of it. */
export const whoAsks = (): Who => ({ kind: 'person', name: userInfo().username, proof: 'none', channel: 'command-line' });

interface DatabasePlace {
  /** Without a password, with all that decides about TLS. */
  readonly databaseUrl: string;
  readonly passwordFile: string | null;
}

export interface Installation extends DatabasePlace, TemporalReach {
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  readonly keysFolder: string;
  /** Where signed heads of the audit trail are kept; null where nobody said. */
  readonly headsFile: string | null;
  /** What a worker of it may do on this machine. */
  readonly powers: ReadonlySet<Power>;
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

export function findInstallation(env = process.env): Installation {
  const state = embeddedState(env);
  const temporalAddress = env.TEMPORAL_ADDRESS ?? state.temporal;
  const keysFolder = env.REKEY_KEYS ?? state.keys;
  if (!(env.DATABASE_URL ?? state.database) || !temporalAddress || !keysFolder) throw nowhere(env, state);
  requireOwnFolder(keysFolder);
  // What was set for another server must not be sent to this one.
  const temporalEnv = env.TEMPORAL_ADDRESS ? env : {};
  return {
    ...databasePlace(env, state),
    // Nor are heads of another ledger what this one is held against.
    headsFile: env.REKEY_AUDIT_HEADS ?? (env.DATABASE_URL ? null : (state.heads ?? null)),
    temporalAddress,
    temporalNamespace: temporalEnv.TEMPORAL_NAMESPACE ?? 'default',
    ...temporalReach(temporalAddress, temporalEnv),
    keysFolder,
    // Whoever may use the home of `rekey up` is the account that its worker runs as.
    powers: env.DATABASE_URL || env.TEMPORAL_ADDRESS ? wordsIn('REKEY_POWERS', env, powers) : allPowers,
  };
}

/** The same for what needs the database alone. */
export function findDatabase(env = process.env): DatabasePlace {
  return databasePlace(env, env.DATABASE_URL ? {} : embeddedState(env));
}

function databasePlace(env: NodeJS.ProcessEnv, state: EmbeddedState): DatabasePlace {
  if (env.DATABASE_URL)
    return { databaseUrl: databaseReach(env.DATABASE_URL, env), passwordFile: env.REKEY_DATABASE_PASSWORD_FILE ?? null };
  if (!state.database) throw nowhere(env, state);
  return { databaseUrl: databaseReach(state.database, {}), passwordFile: state.passwordFile ?? null };
}

function nowhere(env: NodeJS.ProcessEnv, state: EmbeddedState): RekeyError {
  const missing = [
    !(env.DATABASE_URL ?? state.database) && 'DATABASE_URL',
    !(env.TEMPORAL_ADDRESS ?? state.temporal) && 'TEMPORAL_ADDRESS',
    !(env.REKEY_KEYS ?? state.keys) && 'REKEY_KEYS',
  ].filter(Boolean);
  return new RekeyError(
    'KR_SERVICE_AWAY',
    `there is no installation in ${homeFolder(env)}, and ${missing.join(', ')} is not set`,
  );
}

export const allPowers: ReadonlySet<Power> = new Set(Object.keys(powers) as Power[]);

/** The variables that say where an installation is, how it is reached, and what is done for it. */
export function saysWhere(name: string): boolean {
  return /^(TEMPORAL_|PG|DATABASE_URL$|REKEY_(DATABASE_PASSWORD_FILE|KEYS|AUDIT_HEADS|HOME|ACCEPT|POWERS)$)/.test(name);
}

/**
 * Nothing where the environment names an installation, whatever stands in the folder that we are
 * in.
 */
export function embeddedState(env = process.env): EmbeddedState {
  if (env.DATABASE_URL && env.TEMPORAL_ADDRESS && env.REKEY_KEYS) return {};
  const home = homeFolder(env);
  requireOwnFolder(home);
  const text = readOwnFile(path.join(home, 'state.json'));
  try {
    return JSON.parse(text ?? '{}') as EmbeddedState;
  } catch {
    return {};
  }
}
