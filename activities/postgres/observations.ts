/** Owns what was observed under a rotation, dated by the database's clock. */
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { StepRef } from '../../workflows/domain/records.js';
import { requireFence } from './once.js';
import type { Asking, Queryable } from './pool.js';

export async function recordInspections(client: Queryable, step: StepRef, inspections: readonly Inspection[]): Promise<void> {
  await requireFence(client, step);
  for (const seen of inspections)
    await client.query(`insert into observations (run, kind, subject, seen) values ($1, 'inspection', $2, $3)`, [
      step.run,
      seen.consumer,
      seen,
    ]);
}

export async function readInspections(database: Asking, run: string): Promise<readonly DatedInspection[]> {
  const found = await database.query<{ seen: Inspection; age: string }>(
    `select distinct on (subject) seen, extract(epoch from clock_timestamp() - seen_at) * 1000 as age
     from observations where run = $1 and kind = 'inspection' order by subject, id desc`,
    [run],
  );
  return found.rows.map((row) => ({ ...row.seen, ageMs: Number(row.age) }));
}

/** Keeps the reading; all of the round so far, and the time now. */
export async function recordReading(
  client: Queryable,
  step: StepRef,
  round: number,
  value: string | null,
): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }> {
  await requireFence(client, step);
  await client.query(`insert into observations (run, kind, subject, round, seen) values ($1, 'last-used', $2, $3, $4)`, [
    step.run,
    step.credential,
    round,
    JSON.stringify({ value }),
  ]);
  const { rows } = await client.query(
    `select seen->>'value' as value, extract(epoch from seen_at) * 1000 as at from observations
     where run = $1 and kind = 'last-used' and round = $2 order by id`,
    [step.run, round],
  );
  const now = await client.query('select extract(epoch from clock_timestamp()) * 1000 as now');
  return {
    readings: (rows as { value: string | null; at: string }[]).map((r) => ({ value: r.value, at: Number(r.at) })),
    now: Number((now.rows[0] as { now: string }).now),
  };
}
