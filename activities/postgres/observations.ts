/**
 * Owns what was observed under a run, dated by the database's clock and folded: the same thing seen
 * again is one row, so that a soak of months stays small.
 */
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { StepRef } from '../../workflows/domain/records.js';
import { requireFence } from './once.js';
import type { Asking, Queryable } from './pool.js';

/**
 * The database's time, in milliseconds: asked before a look, it is what the look can be held to.
 */
export async function readNow(database: Asking): Promise<number> {
  const { rows } = await database.query<{ now: string }>('select extract(epoch from clock_timestamp()) * 1000 as now');
  return Number(rows[0]!.now);
}

interface Seen {
  readonly kind: 'inspection' | 'last-used';
  readonly subject: string;
  readonly round: number;
  readonly seen: object;
  /** Before the look, in milliseconds of the database's clock. */
  readonly lookedAt: number;
  /** A look from this time on is not folded into one of before it. */
  readonly apartFrom: number;
}

async function fold(client: Queryable, run: string, { kind, subject, round, seen, lookedAt, apartFrom }: Seen): Promise<void> {
  const text = JSON.stringify(seen);
  const folded = await client.query(
    `update observations set last_at = clock_timestamp(), looked_at = to_timestamp($6 / 1000.0), count = count + 1
     where id = (select max(id) from observations where run = $1 and kind = $2 and subject = $3)
       and round = $4 and seen = $5 and (first_at >= to_timestamp($7 / 1000.0) or clock_timestamp() < to_timestamp($7 / 1000.0))`,
    [run, kind, subject, round, text, lookedAt, apartFrom],
  );
  if (folded.rowCount === 1) return;
  await client.query(
    'insert into observations (run, kind, subject, round, seen, looked_at) values ($1,$2,$3,$4,$5,to_timestamp($6 / 1000.0))',
    [run, kind, subject, round, text, lookedAt],
  );
}

export async function recordInspections(
  client: Queryable,
  step: StepRef,
  lookedAt: number,
  inspections: readonly Inspection[],
): Promise<void> {
  await requireFence(client, step);
  for (const seen of inspections)
    await fold(client, step.run, { kind: 'inspection', subject: seen.consumer, round: 1, seen, lookedAt, apartFrom: 0 });
}

export async function readInspections(database: Asking, run: string): Promise<readonly DatedInspection[]> {
  const found = await database.query<{ seen: Inspection; age: string }>(
    `select distinct on (subject) seen, extract(epoch from clock_timestamp() - looked_at) * 1000 as age
     from observations where run = $1 and kind = 'inspection' order by subject, id desc`,
    [run],
  );
  return found.rows.map((row) => ({ ...row.seen, ageMs: Number(row.age) }));
}

/** Keeps the reading; all of the round so far, and the time now. */
export async function recordReading(
  client: Queryable,
  step: StepRef,
  { round, value, lookedAt, countsFrom }: { round: number; value: string | null; lookedAt: number; countsFrom: number },
): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }> {
  await requireFence(client, step);
  const subject = step.credential;
  await fold(client, step.run, { kind: 'last-used', subject, round, seen: { value }, lookedAt, apartFrom: countsFrom });
  const { rows } = await client.query(
    `select seen->>'value' as value, extract(epoch from first_at) * 1000 as first, extract(epoch from last_at) * 1000 as last
     from observations where run = $1 and kind = 'last-used' and round = $2 order by id`,
    [step.run, round],
  );
  return {
    // What lies between the first and the last of a row is the same, and decides nothing.
    readings: (rows as { value: string | null; first: string; last: string }[]).flatMap(({ value, first, last }) => [
      { value, at: Number(first) },
      { value, at: Number(last) },
    ]),
    now: await readNow(client as Asking),
  };
}
