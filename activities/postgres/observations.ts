/**
 * Owns what was observed under a run, dated by the database's clock and folded: the same thing seen
 * again is one row, so that a soak of months stays small.
 */
import { randomUUID } from 'node:crypto';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { StepRef } from '../../workflows/domain/records.js';
import type { Look, ObservationKind, Seen } from '../ports/observations.js';
import { requireFence } from './once.js';
import type { Asking, Queryable } from './pool.js';

const now = 'extract(epoch from clock_timestamp()) * 1000 as now';

/** One that another run has overtaken takes nobody's place; it hears of that when it records. */
export async function beginLook(
  database: Asking,
  step: StepRef,
  kind: ObservationKind,
  subjects: readonly string[],
): Promise<Look> {
  const attempt = randomUUID();
  const { rows } = await database.query<{ now: string }>(
    `with begun as (
       insert into looks (run, kind, subject, attempt)
       select id, $3, subject, $5 from runs, (select distinct unnest($4::text[]) as subject) s
       where id = $1 and fence = $2 order by subject
       on conflict (run, kind, subject) do update set attempt = excluded.attempt
     ) select ${now}`,
    [step.run, step.fence, kind, subjects, attempt],
  );
  return { attempt, now: Number(rows[0]!.now) };
}

/** Whoever was given up may still come to an end; by then somebody else is looking. */
async function requireLook(
  client: Queryable,
  step: StepRef,
  kind: ObservationKind,
  attempt: string,
  subjects: readonly string[],
): Promise<void> {
  await requireFence(client, step);
  const { rowCount } = await client.query(
    'select from looks where run = $1 and kind = $2 and subject = any($3) and attempt <> $4',
    [step.run, kind, subjects, attempt],
  );
  if (rowCount !== 0) throw new RekeyError('KR_ATTEMPT_LOST', `another attempt looks at ${subjects.join(', ')}`);
}

interface Found extends Seen<object> {
  readonly kind: ObservationKind;
  readonly subject: string;
  readonly round: number;
  /** A look from this time on is not folded into one of before it. */
  readonly apartFrom: number;
}

/**
 * What is recorded already and was looked at later stays the latest; one that is dated in the
 * future shows that the clock was set back, and says nothing.
 */
async function fold(client: Queryable, run: string, { kind, subject, round, seen, lookedAt, apartFrom }: Found): Promise<void> {
  const text = JSON.stringify(seen);
  const latest = '(select max(id) from observations where run = $1 and kind = $2 and subject = $3)';
  const folded = await client.query(
    `update observations set last_at = clock_timestamp(), looked_at = to_timestamp($6 / 1000.0), count = count + 1
     where id = ${latest} and round = $4 and seen = $5 and looked_at < to_timestamp($6 / 1000.0)
       and (first_looked_at >= to_timestamp($7 / 1000.0) or $6 < $7::float8)`,
    [run, kind, subject, round, text, lookedAt, apartFrom],
  );
  if (folded.rowCount === 1) return;
  await client.query(
    `insert into observations (run, kind, subject, round, seen, first_looked_at, looked_at)
     select $1, $2, $3, $4, $5, to_timestamp($6 / 1000.0), to_timestamp($6 / 1000.0)
     where not exists (
       select from observations where id = ${latest} and looked_at between to_timestamp($6 / 1000.0) and clock_timestamp())`,
    [run, kind, subject, round, text, lookedAt],
  );
}

export async function recordInspections(
  client: Queryable,
  step: StepRef,
  attempt: string,
  inspections: readonly Seen<Inspection>[],
): Promise<void> {
  const kind = 'inspection';
  await requireLook(
    client,
    step,
    kind,
    attempt,
    inspections.map(({ seen }) => seen.consumer),
  );
  for (const { seen, lookedAt } of inspections)
    await fold(client, step.run, { kind, subject: seen.consumer, round: 1, seen, lookedAt, apartFrom: 0 });
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
  attempt: string,
  { round, seen, lookedAt, countsFrom }: Seen<string | null> & { round: number; countsFrom: number },
): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }> {
  const [kind, subject] = ['last-used', step.credential] as const;
  await requireLook(client, step, kind, attempt, [subject]);
  await fold(client, step.run, { kind, subject, round, seen: { value: seen }, lookedAt, apartFrom: countsFrom });
  const { rows } = await client.query(
    `select seen->>'value' as value, count, ${['first_looked_at', 'first_at', 'looked_at', 'last_at']
      .map((column) => `extract(epoch from ${column}) * 1000 as ${column}`)
      .join(', ')}, ${now}
     from observations where run = $1 and kind = 'last-used' and round = $2 order by id`,
    [step.run, round],
  );
  const folded = rows as (Record<'first_looked_at' | 'first_at' | 'looked_at' | 'last_at' | 'now', string> & {
    value: string | null;
    count: number;
  })[];
  return {
    // What lies between the first and the last of a row is the same, and decides nothing.
    readings: folded.flatMap(({ value, count, ...at }) => {
      const first = { value, lookedAt: Number(at.first_looked_at), seenBy: Number(at.first_at) };
      return count === 1 ? [first] : [first, { value, lookedAt: Number(at.looked_at), seenBy: Number(at.last_at) }];
    }),
    now: Number(folded.at(-1)?.now ?? lookedAt),
  };
}
