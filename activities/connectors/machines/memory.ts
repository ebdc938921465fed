/**
 * Owns what stands beside a consumer's file: the number of the last hand-out, so that a late worker
 * cannot bring an older key back, and since when the file is as that one left it.
 */
import path from 'node:path';
import { z } from 'zod';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { LeaseFence } from '../../ports/app-host.js';

/**
 * A fence counts within one ledger, for one consumer: two programs may share a file and have leases
 * of their own.
 */
const memory = z.object({
  ledgers: z.record(z.string(), z.record(z.string(), z.object({ fence: z.int(), generation: z.int() }))),
  standing: z.object({ state: z.string(), boot: z.string(), uptime: z.number(), wall: z.number() }).optional(),
});
export type Memory = z.infer<typeof memory>;

export const nothing: Memory = { ledgers: {} };

/**
 * Null where it cannot be read: forgetting what it held could let an older key in, so a person
 * decides.
 */
export function parseMemory(text: string): Memory | null {
  try {
    return memory.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * With this hand-out in it; null if it is in it already. Throws KR_HOST_FENCED because a newer one
 * was here. `place` names it for people.
 */
export function raised(
  remembered: Memory,
  place: string,
  consumer: string,
  fence: LeaseFence,
  generation: number,
): Memory | null {
  const ours = remembered.ledgers[fence.ledgerId] ?? {};
  const held = ours[consumer];
  if (held && held.fence > fence.number) {
    throw new RekeyError(
      'KR_HOST_FENCED',
      `${place} has seen hand-out ${held.fence} for ${consumer}, this is ${fence.number}`,
      undefined,
      held.fence,
    );
  }
  if (held?.fence === fence.number && held.generation === generation) return null;
  return {
    ...remembered,
    ledgers: { ...remembered.ledgers, [fence.ledgerId]: { ...ours, [consumer]: { fence: fence.number, generation } } },
  };
}

/** The file beside a consumer's file in which hand-outs are remembered. */
export function memoryOf(file: string): string {
  return path.posix.join(path.posix.dirname(file), `.${path.posix.basename(file)}.rekey`);
}
