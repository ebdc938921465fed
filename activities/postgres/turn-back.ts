/** Owns the point of no return: whether a run is beyond it, and the turn back where it is not. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ChainHead, Crossing, StepRef } from '../../workflows/domain/records.js';
import { appendAudit, recordedBy } from './audit.js';
import { lockCredential } from './locks.js';
import { requireFence, turnedBy } from './once.js';
import type { Queryable } from './pool.js';
import { applyTurnBack } from './verbs.js';
import { endAllWaits } from './waits.js';

/** The newest intent beyond which there is no return, unless it is closed as not sent. */
export async function readCrossing(client: Queryable, run: string): Promise<Crossing | null> {
  const { rows } = await client.query(
    `select s.key, s.outcome is not null as done from intents i join steps s on s.run = i.run and s.key = i.step
     where i.run = $1 and i.kind in ('revoke', 'regenerate') and i.step not like 'revoke/back-%' and i.closed is distinct from 'not-sent'
     order by i.begun_at desc limit 1`,
    [run],
  );
  return (rows[0] as Crossing | undefined) ?? null;
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
  const crossing = await readCrossing(client, step.run);
  if (crossing) throw new RekeyError('KR_BEYOND_RETURN', `${crossing.key} may have been sent`);
  await client.query(
    `update runs set direction = 'back', reason = coalesce(reason, $2), paused = false, phase = $3, fence = fence + 1 where id = $1`,
    [step.run, reason, step.phase],
  );
  await client.query('update credentials set fence = fence + 1 where name = $1', [step.credential]);
  await endAllWaits(client, step.run);
  await applyTurnBack(client, step.run);
  return appendAudit(client, step.credential, { kind: 'turn-back', who: recordedBy(step), body: { run: step.run, reason } });
}
