/**
 * Owns the protocol of an effect: fence, recorded outcome, intent, take-over, deadline, commit.
 * Every effect of rekey goes through here.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { JsonObject } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ChainHead, Recorded, StepRef } from '../../workflows/domain/records.js';
import { tagFamily, tagOf } from '../../workflows/domain/tag.js';
import { endingAfter, startDeadline } from '../ports/deadline.js';
import type { Attempt, Change, EarlierAttempt, OnceOptions } from '../ports/journal.js';
import { appendAudit, readHead, recordedBy, requireHead } from './audit.js';
import { applyChanges } from './changes.js';
import { requireLeave, requirePlan } from './leave.js';
import { lockCredential } from './locks.js';
import type { Asking, Database, Queryable } from './pool.js';
import type { StepRow } from './rows.js';
import { showStep } from './waits.js';

/**
 * A request that could not run for at least this long, in milliseconds, is not begun: it would only
 * be cut short and be unclear.
 */
const shortestSend = 250;

export async function once<Result extends JsonObject, Before extends JsonObject | null>(
  database: Database,
  ledgerId: string,
  step: StepRef,
  options: OnceOptions<Before>,
  body: (attempt: Attempt<Before>) => Promise<Result>,
): Promise<Recorded<Result>> {
  const found = await database.transaction((client) => findOutcome<Result>(client, step, options));
  if ('done' in found) return found.done;
  const looked = await options.snapshotBefore?.(endingAfter(options.deadline));
  const before = (looked ?? null) as Before;

  const attempt = { id: randomUUID(), tag: newTag(ledgerId, step.run) };
  // The deadline counts from before the intent is committed: what is sent is given up before the
  // settle time begins, never after.
  const left = startDeadline(options.deadline);
  const signal = endingAfter(options.deadline);
  const begun = await database.transaction((client) => begin<Result>(client, step, options, attempt, before, found.latest));
  if ('done' in begun) return begun.done;

  const changes: Change[] = [];
  let unsent: 'no' | 'this' | 'and-before' = 'no';
  try {
    const result = await body({
      ...attempt,
      before,
      earlier: begun.earlier,
      signal,
      stage: (change) => void changes.push(change),
      markUnsent: (which) => {
        unsent = which;
      },
      beforeSending: () => {
        if (left() >= shortestSend) return;
        if (unsent === 'no') unsent = 'this';
        throw new RekeyError('KR_TOO_LATE', `${step.kind} came too late to be sent`);
      },
    });
    return await database.transaction((client) => commit(client, step, attempt.id, result, changes));
  } catch (error) {
    const closing = unsent as 'no' | 'this' | 'and-before';
    if (closing !== 'no')
      await database.transaction((client) =>
        closeNotSent(client, step, closing === 'this' ? [attempt.id] : [attempt.id, ...begun.earlier.map((e) => e.attempt)]),
      );
    throw error;
  }
}

/** Throws KR_LEDGER_BEHIND before KR_FENCED: a ledger that was set back holds an old fence, too. */
export async function requireFence(client: Queryable, step: StepRef): Promise<void> {
  const { rows } = await client.query('select fence, outcome from runs where id = $1 for no key update', [step.run]);
  const row = rows[0] as { fence: string; outcome: string | null } | undefined;
  if (!row || Number(row.fence) < step.fence)
    throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know fence ${step.fence} of ${step.run}`);
  await requireHead(client, step.credential, step.head);
  if (Number(row.fence) > step.fence) throw new RekeyError('KR_FENCED', `${step.run} is held by a newer run`);
  if (row.outcome !== null && step.kind !== 'close') throw new RekeyError('KR_FENCED', `${step.run} has ended`);
}

async function findOutcome<Result extends JsonObject>(
  client: Queryable,
  step: StepRef,
  options: OnceOptions,
): Promise<{ done: Recorded<Result> } | { latest: string | null }> {
  const done = await readOutcome<Result>(client, step);
  // A workflow task that was lost with its worker runs once more: what it recorded before it turned
  // back is its own still.
  if (done && (await turnedBy(client, step))) return { done };
  await requireFence(client, step);
  if (done) return { done };
  await requireSettled(client, step, options);
  return { latest: await latestAttempt(client, step, options) };
}

async function latestAttempt(client: Queryable, step: StepRef, options: OnceOptions): Promise<string | null> {
  const { rows } = await client.query(
    'select attempt from intents where run = $1 and (step = $2 or kind = $3) order by begun_at desc limit 1',
    objectOf(step, options),
  );
  return (rows[0] as Pick<StepRow, 'attempt'> | undefined)?.attempt ?? null;
}

/**
 * The head, if the run that asks has turned the rotation back itself since: that raised the fence
 * by one, and nothing else turns it.
 */
export async function turnedBy(client: Queryable, step: StepRef): Promise<ChainHead | null> {
  const { rows } = await client.query(
    `select c.audit_position, c.audit_hash from runs r join credentials c on c.name = r.credential where r.id = $1 and r.direction = 'back' and r.fence = $2`,
    [step.run, step.fence + 1],
  );
  const head = rows[0] as { audit_position: string; audit_hash: string } | undefined;
  return head ? { position: Number(head.audit_position), hash: head.audit_hash } : null;
}

/** Throws KR_SETTLING while an earlier attempt may still land, where repeating is not harmless. */
async function requireSettled(client: Queryable, step: StepRef, options: OnceOptions): Promise<void> {
  const { rows } = await client.query(
    `select greatest(ceil(extract(epoch from max(settle_at) - clock_timestamp()) * 1000), 0)::int as left_ms
     from intents where ${ofObject} and closed is distinct from 'not-sent'`,
    objectOf(step, options),
  );
  const left = (rows[0] as { left_ms: number | null }).left_ms ?? 0;
  if (options.waitForSettle && left > 0)
    throw new RekeyError('KR_SETTLING', `an earlier ${step.kind} can still land for ${left} ms`, left + 20);
}

/**
 * The intents that an attempt must know of: those of its step, and where rounds act on one object
 * the unclear ones of the others.
 */
const ofObject = `run = $1 and (step = $2 or (kind = $3 and closed is distinct from 'applied'))`;

function objectOf(step: StepRef, options: OnceOptions): (string | null)[] {
  return [step.run, step.key, options.scopeByKind ? step.kind : null];
}

/**
 * A worker that wakes in a round that the rotation has long left must not undo what a later round
 * did.
 */
async function requireNotPassed(client: Queryable, step: StepRef): Promise<void> {
  const { rowCount } = await client.query(
    `select 1 from steps mine join steps later on later.run = mine.run and later.kind = mine.kind
     where mine.run = $1 and mine.key = $2 and later.began_at > mine.began_at and later.outcome is not null`,
    [step.run, step.key],
  );
  if (rowCount !== 0) throw new RekeyError('KR_ATTEMPT_LOST', `a later round than ${step.key} is done`);
}

export async function readOutcome<Result extends JsonObject>(client: Asking, step: StepRef): Promise<Recorded<Result> | null> {
  const { rows } = await client.query('select outcome from steps where run = $1 and key = $2', [step.run, step.key]);
  const outcome = (rows[0] as Pick<StepRow, 'outcome'> | undefined)?.outcome;
  if (!outcome) return null;
  return { result: outcome as Result, head: await readHead(client, step.credential) };
}

async function begin<Result extends JsonObject>(
  client: Queryable,
  step: StepRef,
  options: OnceOptions,
  attempt: { id: string; tag: string },
  before: JsonObject | null,
  latest: string | null,
): Promise<{ earlier: readonly EarlierAttempt[] } | { done: Recorded<Result> }> {
  await requireFence(client, step);
  const done = await readOutcome<Result>(client, step);
  if (done) return { done };
  // Asked again under the lock: another attempt may have begun since. What was seen before it says
  // nothing about what it did.
  await requireSettled(client, step, options);
  if (options.snapshotBefore && (await latestAttempt(client, step, options)) !== latest)
    throw new RekeyError('KR_ATTEMPT_LOST', `another attempt of ${step.key} began meanwhile`);

  if (options.scopeByKind) await requireNotPassed(client, step);

  const { rows } = await client.query(
    `select attempt, tag, before, settle_at <= clock_timestamp() as settled from intents
     where ${ofObject} and closed is distinct from 'not-sent' order by begun_at`,
    objectOf(step, options),
  );
  if (options.planHash !== undefined) await requirePlan(client, step, options.planHash);
  if (options.leave) await requireLeave(client, step, options.leave, rows.length > 0);
  await client.query(
    `insert into steps (run, key, kind, phase, subject, attempt) values ($1,$2,$3,$4,$5,$6)
     on conflict (run, key) do update set attempt = excluded.attempt where steps.outcome is null`,
    [step.run, step.key, step.kind, step.phase, step.subject, attempt.id],
  );
  await client.query(
    `update intents set closed = 'superseded', closed_at = clock_timestamp() where ${ofObject} and closed is null`,
    objectOf(step, options),
  );
  await client.query(
    `insert into intents (attempt, run, step, kind, subject, fence, tag, before, settle_at)
     values ($1,$2,$3,$4,$5,$6,$7,$8, clock_timestamp() + ($9 || ' milliseconds')::interval)`,
    [attempt.id, step.run, step.key, step.kind, step.subject, step.fence, attempt.tag, before, options.deadline + options.settle],
  );
  await showStep(client, step);
  return { earlier: rows as EarlierAttempt[] };
}

export async function commit<Result extends JsonObject>(
  client: Queryable,
  step: StepRef,
  attempt: string,
  result: Result,
  changes: readonly Change[],
): Promise<Recorded<Result>> {
  await lockCredential(client, step.credential);
  await requireFence(client, step);
  const { rowCount } = await client.query(
    'update steps set outcome = $4, ended_at = clock_timestamp() where run = $1 and key = $2 and attempt = $3 and outcome is null',
    [step.run, step.key, attempt, result],
  );
  const { rowCount: held } = await client.query(
    `update intents set closed = 'applied', closed_at = clock_timestamp() where attempt = $1 and closed is null`,
    [attempt],
  );
  if (rowCount !== 1 || held !== 1) throw new RekeyError('KR_ATTEMPT_LOST', `another attempt of ${step.key} has taken over`);
  await applyChanges(client, step, changes);
  const head = await appendAudit(client, step.credential, {
    kind: step.kind,
    who: recordedBy(step),
    body: { step: step.key, subject: step.subject, outcome: result },
  });
  return { result, head };
}

/**
 * This attempt, or with it the earlier ones that it saw: they are settled, and the store shows that
 * none of them had an effect.
 */
export async function closeNotSent(client: Queryable, step: StepRef, attempts: readonly string[]): Promise<void> {
  await lockCredential(client, step.credential);
  await client.query(
    `update intents set closed = 'not-sent', closed_at = clock_timestamp() where run = $1 and attempt = any($2) and closed is distinct from 'applied'`,
    [step.run, attempts],
  );
  await appendAudit(client, step.credential, { kind: `${step.kind}-not-sent`, who: recordedBy(step), body: { step: step.key } });
}

export function newTag(ledgerId: string, run: string): string {
  return tagOf(familyOf(ledgerId, run), randomBytes(6));
}

export function familyOf(ledgerId: string, run: string): string {
  return tagFamily(ledgerId, createHash('sha256').update(run).digest());
}
