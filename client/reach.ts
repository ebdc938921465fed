/**
 * Owns reading from the environment how Temporal and PostgreSQL are reached: the settings that
 * their users know, in one place for every program of ours.
 */
import { requireOwnFile } from '../activities/ports/own-file.js';
import { Secret } from '../activities/ports/secret.js';
import type { Decision } from '../workflows/domain/decision.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { type Accepted, acceptances, mayReachDatabase, mayReachTemporal } from '../workflows/domain/reach.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The files are read when a connection is made. */
export interface TemporalTls {
  /** Null: whom this machine believes. */
  readonly rootFile: string | null;
  readonly certificate: { readonly certFile: string; readonly keyFile: string } | null;
  /** Where it is not the one of the address. */
  readonly serverName: string | null;
}

export interface TemporalReach {
  /** Null: no TLS. */
  readonly tls: TemporalTls | null;
  readonly apiKey: Secret | null;
}

const temporalTls = {
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'rootFile',
  TEMPORAL_TLS_CLIENT_CERT_PATH: 'certFile',
  TEMPORAL_TLS_CLIENT_KEY_PATH: 'keyFile',
  TEMPORAL_TLS_SERVER_NAME: 'serverName',
} as const;

/** Throws KR_PLAIN_CONNECTION, or KR_ENVIRONMENT_INVALID. */
export function temporalReach(address: string, env: Environment): TemporalReach {
  const host = /^(\[[\da-f:.]+\]|[^\s:/@[\]]+)(:\d+)?$/i.exec(address)?.[1]?.replace(/^\[|\]$/g, '');
  if (!host) throw invalid('TEMPORAL_ADDRESS is no `host:port`');
  const strange = Object.keys(env).find((name) => name.startsWith('TEMPORAL_TLS_') && !(name in temporalTls));
  // To pass over a setting that somebody made for their safety would be worse than to refuse it.
  if (strange) throw invalid(`${strange} is no setting that rekey knows; it knows ${Object.keys(temporalTls).join(', ')}`);
  const { rootFile, certFile, keyFile, serverName } = Object.fromEntries(
    Object.entries(temporalTls).map(([name, field]) => [field, env[name] || null]),
  ) as Record<(typeof temporalTls)[keyof typeof temporalTls], string | null>;
  if (!certFile !== !keyFile) throw invalid('TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH belong together');
  const apiKey = env.TEMPORAL_API_KEY ? new Secret(env.TEMPORAL_API_KEY) : null;
  const wanted = switchOf('TEMPORAL_TLS', env) ?? Boolean(rootFile || certFile || serverName || apiKey);
  const certificate = certFile && keyFile ? { certFile, keyFile } : null;
  require(mayReachTemporal({ host, tls: wanted, credential: Boolean(certificate || apiKey) }, acceptedIn(env)));
  return { tls: wanted ? { rootFile, certificate, serverName } : null, apiKey };
}

const sslModes = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const sslFiles = { sslrootcert: 'PGSSLROOTCERT', sslcert: 'PGSSLCERT', sslkey: 'PGSSLKEY' } as const;

/**
 * The address with all that decides about TLS in it, so that nothing is left for the library to
 * take from the environment. Throws as above.
 */
export function databaseReach(address: string, env: Environment): string {
  const url = parsed(address);
  const asked = url.searchParams;
  for (const [name, variable] of Object.entries(sslFiles)) {
    const file = asked.get(name) ?? env[variable];
    if (file) asked.set(name, file);
    if (file && file !== 'system') requireOwnFile(file);
  }
  const root = asked.get('sslrootcert');
  const mode = asked.get('sslmode') ?? modeOf(asked.get('ssl')) ?? env.PGSSLMODE ?? (root ? 'verify-full' : 'disable');
  if (!sslModes.includes(mode)) throw invalid(`sslmode is ${mode}; expected one of ${sslModes.join(', ')}`);
  const verified = mode.startsWith('verify-') || (mode === 'require' && root !== null);
  const host =
    asked.getAll('host').at(-1) ?? (decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '') || env.PGHOST || 'localhost');
  require(mayReachDatabase({ host, verified }, acceptedIn(env)));
  // `require` alone verifies nothing wherever else it is used; here it would be taken for more.
  asked.set('sslmode', verified ? 'verify-full' : mode === 'require' ? 'no-verify' : mode);
  for (const name of ['ssl', 'uselibpqcompat', ...(root === 'system' ? ['sslrootcert'] : [])]) asked.delete(name);
  return url.href;
}

function parsed(address: string): URL {
  try {
    return new URL(address);
  } catch {
    throw invalid('DATABASE_URL is no address such as postgres://rekey@host:5432/rekey');
  }
}

const modeOf = (ssl: string | null): string | undefined =>
  ({ true: 'verify-full', '1': 'verify-full', 'no-verify': 'no-verify', false: 'disable', '0': 'disable' })[ssl ?? ''];

function switchOf(name: string, env: Environment): boolean | undefined {
  const said = env[name];
  if (!said) return undefined;
  if (['true', '1'].includes(said)) return true;
  if (['false', '0'].includes(said)) return false;
  throw invalid(`${name} is neither true nor false`);
}

function acceptedIn(env: Environment): ReadonlySet<Accepted> {
  return wordsIn('REKEY_ACCEPT', env, acceptances);
}

/** The words of a variable that holds a list; KR_ENVIRONMENT_INVALID for one that is not known. */
export function wordsIn<Word extends string>(
  name: string,
  env: Environment,
  known: Readonly<Record<Word, string>>,
): ReadonlySet<Word> {
  const said = (env[name] ?? '').split(',').map((word) => word.trim());
  const strange = said.find((word) => word !== '' && !Object.hasOwn(known, word));
  if (strange) throw invalid(`${name} has ${strange}; expected ${Object.keys(known).join(', ')}`);
  return new Set(said.filter(Boolean) as Word[]);
}

function require(decision: Decision<string>): void {
  if (!decision.ok) throw new RekeyError('KR_PLAIN_CONNECTION', decision.message);
}

const invalid = (why: string): RekeyError => new RekeyError('KR_ENVIRONMENT_INVALID', why);

/** Whether a connection failed since the other end has not the certificate that was asked for. */
export function isUnproved(code: string | undefined): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO|ERR_SSL|ERR_TLS/.test(code ?? '');
}
