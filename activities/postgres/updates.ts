/** Owns what the ledger knows of changes of keys that left their secrets alone. */
import type { KeyImage, PastUpdate } from '../../workflows/domain/attributes.js';
import type { Asking } from './pool.js';

/** The last change that completed and was sent; one that found nothing to do is none. */
export async function readLastUpdate(client: Asking, credential: string): Promise<PastUpdate | null> {
  const { rows } = await client.query<{ rotation: string; plan: { keyId: string; before: KeyImage; after: KeyImage } }>(
    `select r.id as rotation, p.outcome as plan from rotations r
     join steps p on p.rotation = r.id and p.kind = 'plan-update'
     where r.credential = $1 and r.strategy = 'update' and r.outcome = 'completed'
       and exists (select 1 from steps s where s.rotation = r.id and s.kind = 'update' and s.outcome is not null)
     order by r.generation desc limit 1`,
    [credential],
  );
  const row = rows[0];
  return row ? { rotation: row.rotation, keyId: row.plan.keyId, before: row.plan.before, after: row.plan.after } : null;
}
