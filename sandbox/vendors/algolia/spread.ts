/**
 * Owns how news of a key spreads over an application's hosts: each learns of a change in its own
 * time, without anybody being told when. Algolia's clients therefore ask again and again
 * (`waitForApiKey` of `algoliasearch`); that the write host knows its own changes at once is
 * assumed.
 */
import { TIMING } from '../../timing.js';
import type { ApiKey, KeyRights } from './application.js';

/**
 * In the order of `getDefaultHosts` of `@algolia/client-search` 5.64.0, the write host first;
 * behind real names stand three servers.
 */
export const hosts = ['write', 'dsn', '1', '2', '3'] as const;

export interface Snapshot {
  readonly at: number;
  readonly live: boolean;
  readonly rights: KeyRights;
  readonly expiresAt: number | null;
}

/** What a host knows of a key: undefined before it has heard of it. */
export function knownAt(key: ApiKey, host: number, now = Date.now()): Snapshot | undefined {
  return key.history.findLast((change) => now >= change.at + delay(key, host, change));
}

export function isLive(known: Snapshot | undefined, now = Date.now()): known is Snapshot {
  return known?.live === true && (known.expiresAt === null || now < known.expiresAt);
}

/**
 * The place of the last change that has reached every host: what was before it matters to nobody.
 */
export function knownEverywhere(key: ApiKey, now = Date.now()): number {
  return Math.max(
    0,
    key.history.findLastIndex((change) => now >= change.at + Math.max(...delays)),
  );
}

const delays = TIMING.algolia.propagation;

/** Which host waits how long differs per key and per change. */
function delay(key: ApiKey, host: number, { at }: Snapshot): number {
  if (host === 0) return 0;
  return delays[(host + at + Number.parseInt(key.value.slice(0, 4), 16)) % delays.length]!;
}
