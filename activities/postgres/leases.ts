/** Owns the taking of a program for one rotation at a time. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { HandOutFence } from '../ports/app-host.js';
import type { StepRef } from '../ports/ledger.js';
import { requireFence } from './once.js';
import type { Queryable } from './pool.js';

/** Every taking raises the lease's own fence; one that an open rotation holds is KR_LEASE_HELD. */
export async function lease(client: Queryable, ledgerId: string, step: StepRef, program: string): Promise<HandOutFence> {
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
