/** Owns that what was asked for once is done once: a start that was captured is worth nothing. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Order } from '../../workflows/domain/records.js';
import type { Queryable } from './pool.js';

/**
 * Throws KR_MESSAGE_REFUSED where another workflow came with it before; the same one may ask again.
 */
export async function consumeOrder(client: Queryable, { id, workflowRun }: Order): Promise<void> {
  const { rowCount } = await client.query(
    `insert into orders (id, workflow_run) values ($1, $2)
     on conflict (id) do update set workflow_run = excluded.workflow_run where orders.workflow_run = excluded.workflow_run`,
    [id, workflowRun],
  );
  if (rowCount !== 1) throw new RekeyError('KR_MESSAGE_REFUSED', 'this was asked for before, and done');
}
