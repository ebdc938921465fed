/** Owns what the ledger knows of changes of keys that left their secrets alone. */
import type { KeyImage, PastUpdate } from '../../workflows/domain/attributes.js';
import type { Asking } from './pool.js';

/** The last change that completed and was sent; one that found nothing to do is none. */
export async function readLastUpdate(client: Asking, credential: string): Promise<PastUpdate | null> {
  const { rows } = await client.query<{ run: string; plan: { keyId: string; before: KeyImage; after: KeyImage } }>(
    `select r.id as run, p.outcome as plan from runs r
     join steps p on p.run = r.id and p.kind = 'plan-update'
     where r.credential = $1 and r.kind = 'update' and r.outcome = 'completed'
       and exists (select 1 from steps s where s.run = r.id and s.kind = 'update' and s.outcome is not null)
     order by r.number desc limit 1`,
    [credential],
  );
  const row = rows[0];
  return row ? { run: row.run, keyId: row.plan.keyId, before: row.plan.before, after: row.plan.after } : null;
}
