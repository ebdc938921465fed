/**
 * Owns the intents that a person carries out: they settle by what is said of them, never by time.
 */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../workflows/domain/credential.js';
import type { Leave } from '../../workflows/domain/leave.js';
import type { Recorded, StepRef } from '../../workflows/domain/records.js';
import type { Asked, Change } from '../ports/journal.js';
import { requireLeave } from './leave.js';
import { lockCredential } from './locks.js';
import { closeNotSent, commit, newTag, readOutcome, requireFence } from './once.js';
import type { Database } from './pool.js';
import { applyAnswer } from './verbs.js';
import { showStep } from './waits.js';

/**
 * The intent of a step that a person is asked for: committed once, and the same again for whoever
 * takes the rotation over.
 */
export async function ask(
  database: Database,
  ledgerId: string,
  step: StepRef,
  before: JsonObject | null,
  leave?: Leave,
): Promise<Asked> {
  return database.transaction(async (client) => {
    await requireFence(client, step);
    const done = await readOutcome(client, step);
    if (done) return { done };
    const { rows } = await client.query(
      'select attempt, tag from intents where run = $1 and step = $2 and closed is null order by begun_at desc limit 1',
      [step.run, step.key],
    );
    const open = rows[0] as { attempt: string; tag: string } | undefined;
    if (open) return { done: null, ...open };

    if (leave) await requireLeave(client, step, leave, false);
    const attempt = { attempt: randomUUID(), tag: newTag(ledgerId, step.run) };
    await client.query(
      `insert into steps (run, key, kind, phase, subject, attempt) values ($1,$2,$3,$4,$5,$6)
       on conflict (run, key) do update set attempt = excluded.attempt where steps.outcome is null`,
      [step.run, step.key, step.kind, step.phase, step.subject, attempt.attempt],
    );
    await client.query(
      `insert into intents (attempt, run, step, kind, subject, fence, tag, before, settle_at) values ($1,$2,$3,$4,$5,$6,$7,$8,'infinity')`,
      [attempt.attempt, step.run, step.key, step.kind, step.subject, step.fence, attempt.tag, before],
    );
    await showStep(client, step);
    return { done: null, ...attempt };
  });
}

/** Records what a person did, as the outcome of the step. */
export function answered<Result extends JsonObject>(
  database: Database,
  step: StepRef,
  attempt: string,
  result: Result,
  changes: readonly Change[],
): Promise<Recorded<Result>> {
  return database.transaction(async (client) => {
    await lockCredential(client, step.credential);
    // Nobody is asked for anything any more, from this very moment.
    await showStep(client, step);
    await applyAnswer(client, step, 'provide');
    return (await readOutcome<Result>(client, step)) ?? (await commit(client, step, attempt, result, changes));
  });
}

/** A person says that it was not done, and will not be. */
export function declined(database: Database, step: StepRef): Promise<void> {
  return database.transaction(async (client) => {
    await lockCredential(client, step.credential);
    await requireFence(client, step);
    const { rows } = await client.query('select attempt from intents where run = $1 and step = $2 and closed is null', [
      step.run,
      step.key,
    ]);
    const attempts = (rows as { attempt: string }[]).map((row) => row.attempt);
    await applyAnswer(client, step, 'reject');
    if (attempts.length > 0) await closeNotSent(client, step, attempts);
  });
}

export async function openAsks(database: Database, run: string): Promise<readonly { key: string; kind: string }[]> {
  const { rows } = await database.query<{ key: string; kind: string }>(
    `select step as key, kind from intents where run = $1 and closed is null and not isfinite(settle_at) order by begun_at`,
    [run],
  );
  return rows;
}
