/**
 * Owns which connections may leave this machine: those that prove who answers, and to Temporal who
 * asks, or those that the operator accepted by name.
 */
import { type Decision, no, yes } from './decision.js';

/** Words of REKEY_ACCEPT, each with what is taken on by it. */
export const acceptances = {
  'plain-temporal':
    'whoever is on the way to Temporal reads what the seals of messages leave open, and can pretend to be Temporal',
  'plain-database': 'whoever is on the way to PostgreSQL reads and changes the ledger',
} as const;
export type Accepted = keyof typeof acceptances;

export interface TemporalConnection {
  readonly host: string;
  readonly tls: boolean;
  /** A client certificate, or an API key. */
  readonly credential: boolean;
}

export function mayReachTemporal(
  { host, tls, credential }: TemporalConnection,
  accepted: ReadonlySet<Accepted>,
): Decision<'plain' | 'nobody'> {
  if (isLoopback(host) || accepted.has('plain-temporal')) return yes;
  if (!tls) return no('plain', `Temporal at ${host} would be asked without TLS`);
  if (!credential) return no('nobody', `Temporal at ${host} would be asked without a client certificate or an API key`);
  return yes;
}

export interface DatabaseConnection {
  /** A path is that of a socket. */
  readonly host: string;
  readonly verified: boolean;
}

export function mayReachDatabase({ host, verified }: DatabaseConnection, accepted: ReadonlySet<Accepted>): Decision<'plain'> {
  if (host.startsWith('/') || isLoopback(host) || verified || accepted.has('plain-database')) return yes;
  return no('plain', `PostgreSQL at ${host} would be asked without verified TLS (sslmode=verify-full, or sslrootcert)`);
}

/** By its name alone: to ask a name server would be to believe it. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
