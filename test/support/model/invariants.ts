/**
 * Owns what must be true of a world when all has come to rest, read from the ledger and from the
 * store side by side.
 */
import { expect } from 'vitest';
import type { Database } from '../../../activities/postgres/pool.js';
import type { EnvelopeVault } from '../../../activities/vault/vault.js';
import type { VersionState } from '../../../workflows/domain/states.js';
import type { EffectKind, ModelVendor } from './vendor.js';

interface Version {
  readonly generation: number;
  readonly state: VersionState;
  readonly key_id: string;
  readonly secret_ref: string;
}

export async function versionsOf(database: Database, credential: string): Promise<readonly Version[]> {
  return (
    await database.query<Version & object>('select * from versions where credential = $1 order by generation', [credential])
  ).rows;
}

/**
 * What is closed as not sent had no effect, and none of it is on its way: what was decided on the
 * strength of it stays right.
 */
export async function requireNotSent(database: Database, vendor: ModelVendor, rotation: string, kind: EffectKind): Promise<void> {
  const { rows } = await database.query<{ attempt: string }>(
    `select attempt from intents where run = $1 and closed = 'not-sent'`,
    [rotation],
  );
  const closed = new Set(rows.map((row) => row.attempt));
  const sent = vendor.requests.filter((request) => request.kind === kind && closed.has(request.attempt ?? ''));
  const acting = sent.filter((request) => request.landed > 0 || vendor.held.includes(request));
  expect(acting.map((request) => `${request.kind} of worker ${request.by.number}, closed as not sent`)).toEqual([]);
}

/**
 * Each version that is not revoked can be used: its key lives, and the vault gives back the very
 * secret that the store accepts.
 */
export async function requireUsable(
  database: Database,
  vault: EnvelopeVault,
  vendor: ModelVendor,
  credential: string,
): Promise<void> {
  for (const version of await versionsOf(database, credential)) {
    const key = vendor.keys.get(version.key_id)!;
    if (version.state === 'revoked') continue;
    expect([version.generation, key.alive]).toEqual([version.generation, true]);
    const kept = await vault.open(version.secret_ref);
    expect(kept.equals(key.secret), `the vault holds what generation ${version.generation} is accepted with`).toBe(true);
  }
}

/** At most one outcome for each step, and its attempt is the one that the step names. */
export async function requireOneOutcome(database: Database, rotation: string): Promise<void> {
  const { rows } = await database.query(
    `select s.key from steps s where s.run = $1 and s.outcome is not null
       and exists (select 1 from intents i where i.run = s.run and i.step = s.key and i.closed = 'applied' and i.attempt <> s.attempt)`,
    [rotation],
  );
  expect(rows).toEqual([]);
}
