/**
 * Owns what operators said: on record before it takes effect, judged again under the run's lock.
 */
import type { RecordedVerb, SaidVerb, StepRef } from '../../workflows/domain/records.js';
import { becauseOf, judge, type TurningVerb, type VerbRecords } from '../../workflows/domain/verbs.js';
import { amendConsumer } from './amend.js';
import { appendAudit, readHead } from './audit.js';
import { lockCredential } from './locks.js';
import { requireFence } from './once.js';
import type { Queryable } from './pool.js';
import { readNoReturn } from './turn-back.js';
import { endByVerb } from './waits.js';

/** Asked again because the first answer was lost, it answers what it did. */
export async function recordVerb(client: Queryable, step: StepRef, said: SaidVerb): Promise<RecordedVerb> {
  const before = await readVerb(client, step, said);
  if (before) return before;

  await lockCredential(client, step.credential);
  await requireFence(client, step);
  const { updateId, verb, who, reason, consumer, amended = null } = said;
  const judged = judge(said, await readRecords(client, step.run));
  const { wait, turns, anew } = judged;
  const whyNone = judged.whyNone ?? (await applyToRun(client, step.run, said));
  const [ends, pending] = whyNone === null ? [judged.ends, judged.pending] : [[], false];
  await endByVerb(client, step.run, said, ends);
  await client.query(
    'insert into verbs (run, fence, update_id, verb, wait, who, reason, consumer, amended, effect, why_none) values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)',
    [
      step.run,
      step.fence,
      updateId,
      verb,
      wait,
      who,
      reason,
      consumer,
      amended,
      pending ? null : whyNone ? 'none' : 'applied',
      whyNone,
    ],
  );
  const head = await appendAudit(client, step.credential, {
    kind: 'verb',
    who,
    body: { run: step.run, verb, wait, reason, consumer, ...(amended && { amended: { ...amended } }), whyNone },
  });
  return { head, whyNone, saidBefore: false, ends, turns, anew };
}

async function readVerb(client: Queryable, step: StepRef, { updateId, verb }: SaidVerb): Promise<RecordedVerb | null> {
  const { rows } = await client.query(
    `select v.why_none, v.fence, w.kind = 'approval' as at_gate,
            array(select number from waits ended where ended.run = v.run and ended.ended_by = v.update_id) as ends
     from verbs v left join waits w on w.run = v.run and w.number = v.wait where v.run = $1 and v.update_id = $2`,
    [step.run, updateId],
  );
  const row = rows[0] as { why_none: string | null; fence: string; at_gate: boolean | null; ends: number[] } | undefined;
  if (!row) return null;
  const turns = row.why_none === null && (verb === 'abort' || (verb === 'reject' && row.at_gate === true));
  const head = await readHead(client, step.credential);
  const saidBefore = Number(row.fence) < step.fence;
  return { head, whyNone: row.why_none, saidBefore, ends: row.ends, turns, anew: false };
}

async function readRecords(client: Queryable, run: string): Promise<VerbRecords> {
  const { rows } = await client.query(
    `select w.number, w.kind, w.next_commands ? 'skip' as skips, w.plan_hash is not distinct from r.plan_hash as current,
            exists (select 1 from verbs v where v.run = w.run and v.wait = w.number and v.verb = 'provide' and v.effect is null) as "lookedAt"
     from waits w join runs r on r.id = w.run where w.run = $1 and w.ended_at is null order by w.number`,
    [run],
  );
  const { rows: runs } = await client.query('select direction from runs where id = $1', [run]);
  const { direction } = runs[0] as Pick<VerbRecords, 'direction'>;
  return { waits: rows as VerbRecords['waits'][number][], direction, noReturn: await readNoReturn(client, run) };
}

/**
 * What is a fact of the run from now on, whoever carries it further. Answers why it is none; null
 * where it is one.
 */
async function applyToRun(client: Queryable, run: string, said: SaidVerb): Promise<string | null> {
  const { verb, consumer, reason, amended } = said;
  switch (verb) {
    case 'pause':
    case 'resume':
      await client.query('update runs set paused = $2 where id = $1', [run, verb === 'pause']);
      return null;
    case 'expedite':
      await client.query('update runs set expedited = true where id = $1', [run]);
      return null;
    case 'exempt':
      await client.query('update runs set exempt = exempt || $2::jsonb where id = $1', [
        run,
        JSON.stringify([{ consumer, reason }]),
      ]);
      return null;
    case 'amend':
      // Without a declaration there is nothing to amend it to.
      return amended ? amendConsumer(client, run, amended) : 'it says of no consumer how it is';
    default:
      // Those end a wait, or turn the run.
      return null;
  }
}

/** What became of a verb that could not take effect at once. */
export async function recordEffect(client: Queryable, run: string, updateId: string, whyNone: string | null): Promise<void> {
  await client.query('update verbs set effect = $3, why_none = $4 where run = $1 and update_id = $2 and effect is null', [
    run,
    updateId,
    whyNone === null ? 'applied' : 'none',
    whyNone,
  ]);
}

/** The verbs that a turn back obeys. */
export async function applyTurnBack(client: Queryable, run: string): Promise<void> {
  await client.query(`update verbs set effect = 'applied' where run = $1 and effect is null and verb in ('abort', 'reject')`, [
    run,
  ]);
}

/** A person was asked for the step, and it is settled: what that person said has had its effect. */
export async function applyAnswer(client: Queryable, step: StepRef, verb: 'provide' | 'reject'): Promise<void> {
  await client.query(
    `update verbs v set effect = 'applied' from waits w
     where w.run = v.run and w.number = v.wait and v.run = $1 and w.step = $2 and v.verb = $3 and v.effect is null`,
    [step.run, step.key, verb],
  );
}

/** What is still to take effect never will. */
export async function voidVerbs(client: Queryable, run: string, whyNone: string): Promise<void> {
  await client.query(`update verbs set effect = 'none', why_none = $2 where run = $1 and effect is null`, [run, whyNone]);
}

/**
 * The workflow that was to look at an answer is gone. What it recorded as the outcome of the step
 * stands; for everything else that person is asked again.
 */
export async function voidAnswers(client: Queryable, run: string): Promise<void> {
  await client.query(
    `update verbs v set effect = case when s.outcome is null then 'none' else 'applied' end,
       why_none = case when s.outcome is null then 'its workflow was lost before it could look: say it again' end
     from waits w left join steps s on s.run = w.run and s.key = w.step
     where w.run = v.run and w.number = v.wait and w.kind = 'manual' and v.run = $1 and v.effect is null`,
    [run],
  );
}

export async function readSaid(client: Queryable, run: string): Promise<readonly string[]> {
  const { rows } = await client.query('select update_id from verbs where run = $1', [run]);
  return rows.map(({ update_id }: { update_id: string }) => update_id);
}

/** Why the run is to turn back: what was accepted, and lost with the workflow that accepted it. */
export async function readTurnBack(client: Queryable, run: string): Promise<string | null> {
  const { rows } = await client.query(
    `select v.verb, v.who, v.reason from verbs v left join waits w on w.run = v.run and w.number = v.wait
     where v.run = $1 and v.effect is null and (v.verb = 'abort' or (v.verb = 'reject' and w.kind = 'approval'))
     order by v.accepted_at limit 1`,
    [run],
  );
  const said = rows[0] as Pick<SaidVerb, 'verb' | 'who' | 'reason'> | undefined;
  return said ? becauseOf(said.verb as TurningVerb, said.who, said.reason) : null;
}
