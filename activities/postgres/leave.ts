/** Owns the last look at the run before an effect begins, in the transaction of its intent. */
import { RekeyError } from '../../workflows/domain/errors.js';
import { approvalKey, type Leave, mayBegin } from '../../workflows/domain/leave.js';
import type { StepRef } from '../../workflows/domain/records.js';
import { readCrossing } from './crossing.js';
import { isHalted } from './incidents.js';
import type { Queryable } from './pool.js';
import type { RunRow } from './rows.js';

/**
 * Throws KR_ATTEMPT_LOST where the plan is another one than the attempt has read. The fence holds
 * the run's row: nobody changes it before the intent is committed.
 */
export async function requirePlan(client: Queryable, step: StepRef, planHash: string | null): Promise<void> {
  const { rowCount } = await client.query('select 1 from runs where id = $1 and plan_hash is not distinct from $2', [
    step.run,
    planHash,
  ]);
  if (rowCount !== 1) throw new RekeyError('KR_ATTEMPT_LOST', `the plan of ${step.run} was changed meanwhile`);
}

/**
 * Throws KR_NOT_NOW. What may have been begun already is not stopped half-way, but by a stop of its
 * incident. `again`: an earlier attempt may have sent it.
 */
export async function requireLeave(client: Queryable, step: StepRef, leave: Leave, again: boolean): Promise<void> {
  const { rows } = await client.query(
    `select paused, direction, spec, options, round, urgency, extract(epoch from clock_timestamp()) * 1000 as now,
       $2 and exists (select 1 from intents where run = $1 and kind = $3 and closed is distinct from 'not-sent') as begun
     from runs where id = $1`,
    [step.run, leave.together ?? false, step.kind],
  );
  const run = rows[0] as Pick<RunRow, 'paused' | 'direction' | 'spec' | 'options' | 'round' | 'urgency'> & {
    now: string;
    begun: boolean;
  };
  if (run.begun) return;
  const { paused, direction, options, round, urgency } = run;
  const halted =
    urgency !== null && (await isHalted(client, urgency.incident)) && (await readCrossing(client, step.run)) === null;
  if (again && !halted) return;
  const approved = await isApproved(client, step.run, approvalKey(leave.gate, round));
  const facts = {
    paused,
    direction,
    approved,
    outsideWindow: options.outsideWindow ?? false,
    urgent: urgency !== null,
    halted,
    now: Number(run.now),
  };
  const decision = mayBegin(leave, run.spec, facts);
  if (!decision.ok) throw new RekeyError('KR_NOT_NOW', `${decision.reason}: ${decision.message}`);
}

async function isApproved(client: Queryable, run: string, key: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `select 1 from waits w join runs r on r.id = w.run
     where w.run = $1 and w.kind = 'approval' and w.step = $2 and w.ended = 'approve' and w.plan_hash is not distinct from r.plan_hash limit 1`,
    [run, key],
  );
  return rowCount === 1;
}
