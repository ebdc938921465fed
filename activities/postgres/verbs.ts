/**
 * Owns what operators said: on record before it takes effect, judged again under the run's lock.
 */
import type { RecordedVerb, SaidVerb, StepRef } from '../../workflows/domain/records.js';
import { becauseOf, type TurningVerb } from '../../workflows/domain/verbs.js';
import { amendConsumer } from './amend.js';
import { appendAudit, readHead } from './audit.js';
import { lockCredential } from './locks.js';
import { requireFence } from './once.js';
import type { Queryable } from './pool.js';
import { readCrossing } from './turn-back.js';
import { endWaits } from './waits.js';

/** Asked again because the first answer was lost, it answers what it did. */
export async function recordVerb(client: Queryable, step: StepRef, said: SaidVerb): Promise<RecordedVerb> {
  const { rows } = await client.query('select why_none, fence from verbs where run = $1 and update_id = $2', [
    step.run,
    said.updateId,
  ]);
  const before = rows[0] as { why_none: string | null; fence: string } | undefined;
  if (before) {
    const saidBefore = Number(before.fence) < step.fence;
    return { head: await readHead(client, step.credential), whyNone: before.why_none, saidBefore };
  }

  await lockCredential(client, step.credential);
  await requireFence(client, step);
  const { updateId, verb, who, reason, consumer, amended = null } = said;
  const { wait, whyNone, pending } = await takeEffect(client, step.run, said);
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
  return { head, whyNone, saidBefore: false };
}

interface Effect {
  /** The wait that it answers. */
  readonly wait: number | null;
  readonly whyNone: string | null;
  /** It is still to take effect: the turn back, or a look at what was handed in. */
  readonly pending: boolean;
}

const applied = { wait: null, whyNone: null, pending: false } as const;
const pending = { ...applied, pending: true } as const;

async function takeEffect(client: Queryable, run: string, { verb, wait, reason, consumer, amended }: SaidVerb): Promise<Effect> {
  switch (verb) {
    case 'approve': {
      const answered = await endWaits(client, run, verb, ['approval'], wait);
      return { ...applied, wait, whyNone: answered === 1 ? null : 'that approval was answered before' };
    }
    case 'reject':
      await endWaits(client, run, verb, [wait === null ? 'manual' : 'approval'], wait);
      // A person who was asked to do something says no: the step itself tells what comes of it.
      return wait === null ? applied : { ...pending, wait };
    case 'abort': {
      const crossing = await readCrossing(client, run);
      return crossing ? { ...applied, whyNone: `${crossing.key} may have been sent` } : pending;
    }
    case 'provide':
      return pending;
    case 'pause':
    case 'resume':
      await client.query('update runs set paused = $2 where id = $1', [run, verb === 'pause']);
      if (verb === 'resume') await endWaits(client, run, verb, ['pause']);
      return applied;
    case 'expedite':
      await client.query('update runs set expedited = true where id = $1', [run]);
      return applied;
    case 'exempt':
      await client.query('update runs set exempt = exempt || $2::jsonb where id = $1', [
        run,
        JSON.stringify([{ consumer, reason }]),
      ]);
      // A step that waits for a person because of this consumer goes on without it.
      await endWaits(client, run, verb, ['operator']);
      return applied;
    case 'amend':
      // Without a declaration there is nothing to amend it to.
      return { ...applied, whyNone: amended ? await amendConsumer(client, run, amended) : 'it says of no consumer how it is' };
    case 'retry':
      await endWaits(client, run, verb, ['operator']);
      return applied;
    case 'skip':
      return applied;
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

/** What is still to take effect never will. */
export async function voidVerbs(
  client: Queryable,
  run: string,
  verbs: readonly SaidVerb['verb'][],
  whyNone: string,
): Promise<void> {
  await client.query(`update verbs set effect = 'none', why_none = $3 where run = $1 and effect is null and verb = any($2)`, [
    run,
    verbs,
    whyNone,
  ]);
}

/** Why the run is to turn back: what was accepted, and lost with the workflow that accepted it. */
export async function readTurnBack(client: Queryable, run: string): Promise<string | null> {
  const { rows } = await client.query(
    `select verb, who, reason from verbs where run = $1 and effect is null and verb in ('abort', 'reject') order by accepted_at limit 1`,
    [run],
  );
  const said = rows[0] as Pick<SaidVerb, 'verb' | 'who' | 'reason'> | undefined;
  return said ? becauseOf(said.verb as TurningVerb, said.who, said.reason) : null;
}
