/** Owns what a run notes between its steps: what it waits for, verbs, rounds, and the turn back. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ChainHead, Crossing, Note, StepRef, Wait } from '../../workflows/domain/records.js';
import { appendAudit } from './audit.js';
import { requireFence, turnedBy } from './once.js';
import type { Queryable } from './pool.js';

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
 * The last word on the point of no return, in the transaction that raises the fence: a worker that
 * was given up for dead may have sent what the run believes unsent, and after it none can.
 */
async function requireReturn(client: Queryable, run: string): Promise<void> {
  const crossing = await readCrossing(client, run);
  if (crossing) throw new RekeyError('KR_BEYOND_RETURN', `${crossing.key} may have been sent`);
}

export async function showWait(client: Queryable, step: StepRef, wait: Wait): Promise<void> {
  await client.query(
    `update runs set phase = $2, waits_for = $3::jsonb || jsonb_build_object('since', case when waits_for->>'text' = $3::jsonb->>'text' then waits_for->'since' else to_jsonb(clock_timestamp()) end) where id = $1`,
    [step.run, step.phase, JSON.stringify(wait)],
  );
}

/** Verbs after which a rotation turns back at once. */
const turning: readonly string[] = ['abort', 'reject'];

export async function recordNote(client: Queryable, step: StepRef, note: Note): Promise<ChainHead> {
  if (note.kind === 'turn-back' || (note.kind === 'verb' && turning.includes(note.verb))) {
    // Asked again because the first answer was lost: both are on record, since the second is never
    // recorded without the first.
    const turned = await turnedBy(client, step);
    if (turned) return turned;
  }
  await requireFence(client, step);
  switch (note.kind) {
    case 'wait':
      await showWait(client, step, note.wait);
      break;
    case 'turn-back':
      await requireReturn(client, step.run);
      await client.query(
        `update runs set direction = 'back', reason = coalesce(reason, $2), paused = false, phase = $3, fence = fence + 1 where id = $1`,
        [step.run, note.reason, step.phase],
      );
      await client.query('update credentials set fence = fence + 1 where name = $1', [step.credential]);
      break;
    case 'round':
      await client.query('update runs set round = $2, cutover_at = null where id = $1', [step.run, note.round]);
      break;
    case 'verb':
      if (note.verb === 'pause' || note.verb === 'resume')
        await client.query('update runs set paused = $2 where id = $1', [step.run, note.verb === 'pause']);
      if (note.verb === 'expedite') await client.query('update runs set expedited = true where id = $1', [step.run]);
      if (note.verb === 'exempt') {
        await client.query('update runs set exempt = exempt || $2::jsonb where id = $1', [
          step.run,
          JSON.stringify([{ consumer: note.consumer, reason: note.reason }]),
        ]);
      }
      break;
  }
  const { kind, ...body } = note;
  return appendAudit(client, step.credential, {
    kind,
    actor: note.kind === 'verb' ? note.by : step.run,
    body: { run: step.run, ...body } as never,
  });
}
