/** Owns the turn back of a run, where it is not beyond the point of no return. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ChainHead, StepRef } from '../../workflows/domain/records.js';
import { appendAudit, recordedBy } from './audit.js';
import { readCrossing } from './crossing.js';
import { lockCredential } from './locks.js';
import { requireFence, turnedBy } from './once.js';
import type { Asking, Queryable } from './pool.js';
import { applyTurnBack } from './verbs.js';
import { endAllWaits } from './waits.js';

/**
 * Why the run can only go forward: something was taken away, or consumers may hold the new version
 * and there is no old secret to give them back, or it has leaked. Null where it may turn back.
 */
export async function readNoReturn(client: Queryable, run: string): Promise<string | null> {
  const crossing = await readCrossing(client, run);
  if (crossing) return `${crossing.key} may have been sent`;
  return (await isBound(client, run))
    ? 'consumers may hold the new key, or are down, and the secret of the old one is not in the vault, or has leaked'
    : null;
}

/** Of run `r`: what ran when the run right before it began, where that one was superseded. */
const leftDown = `(select case when b.outcome = 'superseded' then s.outcome->'running' end
  from runs b left join steps s on s.run = b.id and s.key = 'remember-running'
  where b.credential = r.credential and b.kind = 'rotate' and b.id <> r.id order by b.closed_at desc limit 1)`;

/** The next one brings them back. */
export async function readLeftDown(database: Asking, run: string): Promise<readonly string[]> {
  const { rows } = await database.query<{ running: readonly string[] | null }>(
    `select ${leftDown} as running from runs r where r.id = $1`,
    [run],
  );
  return rows[0]?.running ?? [];
}

/**
 * Whether consumers that count may hold a version in whose place nothing can be given back, or are
 * down with nothing to be started with.
 */
export async function isBound(client: Queryable, run: string): Promise<boolean> {
  const { rows } = await client.query(
    `select case r.strategy when 'in-place' then coalesce(jsonb_array_length(${leftDown}), 0) > 0
       else (v.secret_ref is null or v.compromised_at is not null) and exists (
         select 1 from intents i where i.run = r.id and i.kind = 'distribute'
           and not r.exempt @> jsonb_build_array(jsonb_build_object('consumer', i.subject))) end as bound
     from runs r join versions v on v.credential = r.credential and v.generation = r.previous_generation
     where r.id = $1 and r.kind = 'rotate' and r.direction = 'forward'`,
    [run],
  );
  return (rows[0] as { bound: boolean } | undefined)?.bound ?? false;
}

/**
 * Turns the run back and raises its fence. The last word on the point of no return is said in this
 * very transaction: a worker that was given up for dead may have sent what the run believes unsent,
 * and after it none can.
 */
export async function turnBack(client: Queryable, step: StepRef, reason: string): Promise<ChainHead> {
  // Asked again because the first answer was lost.
  const turned = await turnedBy(client, step);
  if (turned) return turned;
  await lockCredential(client, step.credential);
  await requireFence(client, step);
  const noReturn = await readNoReturn(client, step.run);
  if (noReturn !== null) throw new RekeyError('KR_BEYOND_RETURN', noReturn);
  await client.query(
    `update runs set direction = 'back', reason = coalesce(reason, $2), paused = false, phase = $3, fence = fence + 1 where id = $1`,
    [step.run, reason, step.phase],
  );
  await client.query('update credentials set fence = fence + 1 where name = $1', [step.credential]);
  await endAllWaits(client, step.run);
  await applyTurnBack(client, step.run);
  return appendAudit(client, step.credential, { kind: 'turn-back', who: recordedBy(step), body: { run: step.run, reason } });
}
