/** Owns the leases of consumers, and the fences that rise with them. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { StepRef } from '../../workflows/domain/records.js';
import type { LeaseFence } from '../ports/app-host.js';
import { requireFence } from './once.js';
import type { Asking, Queryable } from './pool.js';

export async function takeLease(client: Queryable, ledgerId: string, step: StepRef, consumer: string): Promise<LeaseFence> {
  await requireFence(client, step);
  await client.query('insert into leases (consumer, fence) values ($1, 0) on conflict do nothing', [consumer]);
  const { rows } = await client.query(
    `update leases l set fence = l.fence + 1, run = $2, taken_at = clock_timestamp()
     where l.consumer = $1 and (l.run is null or l.run = $2 or exists (select 1 from runs r where r.id = l.run and r.outcome is not null)) returning fence`,
    [consumer, step.run],
  );
  if (rows[0]) return { ledgerId, number: Number((rows[0] as { fence: string }).fence) };
  const holder = (await client.query('select run from leases where consumer = $1', [consumer])).rows[0] as {
    run: string;
  };
  throw new RekeyError('KR_LEASE_HELD', `${consumer} is held by ${holder.run}`, 500);
}

export async function raiseLease(database: Asking, consumer: string, given: number, held: number): Promise<boolean> {
  const raised = await database.query('update leases set fence = $3 where consumer = $1 and fence = $2', [consumer, given, held]);
  return raised.rowCount === 1;
}

export async function releaseLease(database: Asking, consumer: string, run: string): Promise<void> {
  await database.query('update leases set run = null where consumer = $1 and run = $2', [consumer, run]);
}

export async function releaseLeases(client: Asking, run: string): Promise<void> {
  await client.query(
    `with held as (select consumer from leases where run = $1 order by consumer for no key update)
     update leases l set run = null from held where l.consumer = held.consumer and l.run = $1`,
    [run],
  );
}
