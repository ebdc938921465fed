/** Owns the leases of consumers, and the fences that rise with them. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { StepRef } from '../../workflows/domain/records.js';
import type { LeaseFence } from '../ports/app-host.js';
import { requireFence } from './once.js';
import type { Asking, Queryable } from './pool.js';

export async function takeLease(client: Queryable, ledgerId: string, step: StepRef, program: string): Promise<LeaseFence> {
  await requireFence(client, step);
  await client.query('insert into leases (program, fence) values ($1, 0) on conflict do nothing', [program]);
  const { rows } = await client.query(
    `update leases l set fence = l.fence + 1, rotation = $2, taken_at = clock_timestamp()
     where l.program = $1 and (l.rotation is null or l.rotation = $2 or exists (select 1 from rotations r where r.id = l.rotation and r.outcome is not null)) returning fence`,
    [program, step.rotation],
  );
  if (rows[0]) return { ledgerId, number: Number((rows[0] as { fence: string }).fence) };
  const holder = (await client.query('select rotation from leases where program = $1', [program])).rows[0] as {
    rotation: string;
  };
  throw new RekeyError('KR_LEASE_HELD', `${program} is held by ${holder.rotation}`, 500);
}

export async function raiseLease(database: Asking, program: string, given: number, held: number): Promise<boolean> {
  const raised = await database.query('update leases set fence = $3 where program = $1 and fence = $2', [program, given, held]);
  return raised.rowCount === 1;
}

export async function releaseLease(database: Asking, program: string, rotation: string): Promise<void> {
  await database.query('update leases set rotation = null where program = $1 and rotation = $2', [program, rotation]);
}

export async function releaseLeases(database: Asking, rotation: string): Promise<void> {
  await database.query('update leases set rotation = null where rotation = $1', [rotation]);
}
