/** Owns the point of no return: whether a run may be beyond it. */
import type { Crossing } from '../../workflows/domain/records.js';
import type { Queryable } from './pool.js';

/** The newest intent beyond which there is no return, unless it is closed as not sent. */
export async function readCrossing(client: Queryable, run: string): Promise<Crossing | null> {
  const { rows } = await client.query(
    `select s.key, s.outcome is not null as done from intents i join steps s on s.run = i.run and s.key = i.step
     where i.run = $1 and i.kind in ('revoke', 'regenerate', 'contain') and i.step not like 'revoke/back-%' and i.closed is distinct from 'not-sent'
     order by i.begun_at desc limit 1`,
    [run],
  );
  return (rows[0] as Crossing | undefined) ?? null;
}
