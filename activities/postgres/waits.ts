/** Owns what runs stand still for: opened once under their names, told again, ended. */
import type { OpenedWait, SaidVerb, StepRef, Wait } from '../../workflows/domain/records.js';
import { appendAudit, readHead, recordedBy } from './audit.js';
import { lockCredential } from './locks.js';
import { requireFence } from './once.js';
import type { Queryable } from './pool.js';

/**
 * Opens the wait, or goes on with the one of its kind and step that is open. An approval that was
 * given to it under the same plan stands, whoever asks for it now.
 */
export async function openWait(client: Queryable, step: StepRef, wait: Wait): Promise<OpenedWait> {
  await lockCredential(client, step.credential);
  await requireFence(client, step);
  await client.query('update runs set phase = $2 where id = $1 and phase <> $2', [step.run, step.phase]);
  const approved = wait.kind === 'approval' ? await findApproved(client, step.run, wait) : null;
  if (approved !== null) return { number: approved, approved: true, ageMs: 0, head: await readHead(client, step.credential) };
  if (wait.kind === 'approval') await endOutdated(client, step.run);
  const open = await findOpen(client, step.run, wait);
  const told = open ? await tellAgain(client, step.run, wait) : await addWait(client, step.run, wait);
  // A machine that looks again and again says how far it is; a person is told what is new.
  if (open && (!wait.person || open.text === wait.text))
    return { ...told, approved: false, head: await readHead(client, step.credential) };
  const head = await appendAudit(client, step.credential, {
    kind: 'wait',
    who: recordedBy(step),
    body: { run: step.run, number: told.number, wait: wait as never },
  });
  return { ...told, approved: false, head };
}

async function findOpen(client: Queryable, run: string, { kind, step }: Wait): Promise<{ text: string } | null> {
  const { rows } = await client.query(
    'select text from waits where run = $1 and kind = $2 and step is not distinct from $3 and ended_at is null',
    [run, kind, step ?? null],
  );
  return (rows[0] as { text: string } | undefined) ?? null;
}

const numberOf = (rows: readonly unknown[]): number | null => (rows[0] as { number: number } | undefined)?.number ?? null;

async function findApproved(client: Queryable, run: string, { step }: Wait): Promise<number | null> {
  const { rows } = await client.query(
    `select number from waits where run = $1 and kind = 'approval' and step = $2 and ended = 'approve'
       and plan_hash is not distinct from (select plan_hash from runs where id = $1)`,
    [run, step],
  );
  return numberOf(rows);
}

/** What was asked under another plan is asked anew, under another number. */
async function endOutdated(client: Queryable, run: string): Promise<void> {
  await client.query(
    `update waits w set ended_at = clock_timestamp(), ended = 'over' from runs r
     where r.id = w.run and w.run = $1 and w.kind = 'approval' and w.ended_at is null and w.plan_hash is distinct from r.plan_hash`,
    [run],
  );
}

type Told = Pick<OpenedWait, 'number' | 'ageMs'>;

/** Patience with whoever does not answer is counted from the first time: its deadline stays. */
async function tellAgain(client: Queryable, run: string, wait: Wait): Promise<Told> {
  const { rows } = await client.query(
    `update waits set text = $4, person = $5, next_commands = $7, instructions = $8,
       deadline = case when kind = 'answer' then deadline else $6::timestamptz end
     where run = $1 and kind = $2 and step is not distinct from $3 and ended_at is null
     returning number, (extract(epoch from clock_timestamp() - since) * 1000)::float8 as "ageMs"`,
    valuesOf(run, wait),
  );
  return rows[0] as Told;
}

async function addWait(client: Queryable, run: string, wait: Wait): Promise<Told> {
  const { rows } = await client.query(
    `insert into waits (run, number, kind, step, text, person, deadline, next_commands, instructions, gate, plan_hash)
     select $1, coalesce((select max(number) from waits where run = $1), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, plan_hash
     from runs where id = $1 returning number`,
    [...valuesOf(run, wait), wait.gate ?? null],
  );
  return { number: numberOf(rows)!, ageMs: 0 };
}

function valuesOf(run: string, { kind, step, text, person, deadline, nextCommands, instructions }: Wait): unknown[] {
  const lines = instructions === undefined ? null : JSON.stringify(instructions);
  return [run, kind, step ?? null, text, person, deadline, JSON.stringify(nextCommands), lines];
}

/** Ends waits, each at most once and by one verb. */
export async function endByVerb(client: Queryable, run: string, said: SaidVerb, numbers: readonly number[]): Promise<void> {
  if (numbers.length === 0) return;
  await client.query(
    `update waits set ended_at = clock_timestamp(), ended = $2, ended_by = $3 where run = $1 and ended_at is null and number = any($4)`,
    [run, said.verb, said.updateId, numbers],
  );
}

/** What the run came to under another workflow: it comes to it again, or not at all. */
export async function endPassing(client: Queryable, run: string): Promise<void> {
  await client.query(
    `update waits set ended_at = clock_timestamp(), ended = 'over'
     where run = $1 and ended_at is null and kind in ('settle', 'quiet', 'spread', 'bake', 'answer', 'window', 'operator')`,
    [run],
  );
}

/** Every wait that is open: nothing is waited for any more. */
export async function endAllWaits(client: Queryable, run: string): Promise<void> {
  await client.query(`update waits set ended_at = clock_timestamp(), ended = 'over' where run = $1 and ended_at is null`, [run]);
}

/**
 * The step that the run is at, for everyone who looks; a step that is worked on waits for nobody
 * but whom it asks again. What only an operator ends stays, and what a person is asked for beside
 * it.
 */
export async function showStep(client: Queryable, step: StepRef): Promise<void> {
  await client.query(
    `with moved as (update runs set phase = $2 where id = $1 and phase <> $2)
     update waits set ended_at = clock_timestamp(), ended = 'over'
     where run = $1 and ended_at is null and (kind in ('settle', 'quiet', 'bake', 'window') or (kind = 'manual' and step = $3)
       or (kind = 'spread' and step is distinct from $3)
       or (kind = 'answer' and not starts_with(step, $3 || '/')))`,
    [step.run, step.phase, step.key],
  );
}
