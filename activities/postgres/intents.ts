/** Owns what the intents of a rotation tell: tags, consumers, and what may have been sent. */
import type { JsonObject } from '../../workflows/domain/credential.js';
import type { Asking } from './pool.js';

export async function readTags(database: Asking, run: string, kind: string): Promise<readonly string[]> {
  const { rows } = await database.query<{ tag: string }>(
    `select tag from intents where run = $1 and kind = $2 and closed is distinct from 'not-sent'`,
    [run, kind],
  );
  return rows.map(({ tag }) => tag);
}

export async function readSeenBefore(database: Asking, run: string, kind: string): Promise<JsonObject | null> {
  const { rows } = await database.query<{ before: JsonObject }>(
    'select before from intents where run = $1 and kind = $2 and before is not null order by begun_at desc limit 1',
    [run, kind],
  );
  return rows[0]?.before ?? null;
}

export async function mayHaveSent(database: Asking, run: string, kind: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `select 1 from intents where run = $1 and kind = $2 and closed is distinct from 'not-sent' limit 1`,
    [run, kind],
  );
  return rowCount === 1;
}

/**
 * The consumers that an intent names, whatever became of it; only one that was certainly not sent
 * is left out.
 */
export async function readSubjects(database: Asking, run: string, kind: string): Promise<readonly string[]> {
  const { rows } = await database.query<{ subject: string }>(
    `select distinct subject from intents where run = $1 and kind = $2 and subject is not null and closed is distinct from 'not-sent' order by subject`,
    [run, kind],
  );
  return rows.map((row) => row.subject);
}

/** Milliseconds until no request of these kinds can land any more. */
export async function readUnsettled(
  database: Asking,
  run: string,
  kinds: readonly string[],
  subject: string | null,
): Promise<number> {
  const { rows } = await database.query<{ left: string | null }>(
    `select greatest(extract(epoch from max(settle_at) - clock_timestamp()) * 1000, 0) as left from intents
     where isfinite(settle_at) and run = $1 and kind = any($2) and ($3::text is null or subject = $3)
       and (closed is null or closed = 'superseded')`,
    [run, kinds, subject],
  );
  return Math.ceil(Number(rows[0]?.left ?? 0));
}
