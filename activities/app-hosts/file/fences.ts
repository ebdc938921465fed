/** Owns the file beside a consumer's file that remembers the last hand-out, so that a late worker cannot bring an older key back. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { HandOutFence } from '../../ports/app-host.js';
import { codeOf, refusedFile } from './errors.js';
import { replaceFile } from './replace.js';

/** A fence counts within one ledger, for one consumer: two programs may share a file and have leases of their own. */
const sidecar = z.object({
  ledgers: z.record(z.string(), z.record(z.string(), z.object({ fence: z.int(), generation: z.int() }))),
});
type Sidecar = z.infer<typeof sidecar>;

/** Remembers this hand-out, or refuses it because a newer one was here. Call it under the lock, before the file is changed. */
export async function raiseFence(file: string, consumer: string, fence: HandOutFence, generation: number): Promise<void> {
  const remembered = await read(file);
  const ours = remembered.ledgers[fence.ledgerId] ?? {};
  const held = ours[consumer];
  if (held && held.fence > fence.number) {
    throw new RekeyError(
      'KR_HOST_FENCED',
      `${file} has seen hand-out ${held.fence} for ${consumer}, this is ${fence.number}`,
      undefined,
      held.fence,
    );
  }
  if (held?.fence === fence.number && held.generation === generation) return;
  const next: Sidecar = {
    ledgers: { ...remembered.ledgers, [fence.ledgerId]: { ...ours, [consumer]: { fence: fence.number, generation } } },
  };
  await replaceFile(file, Buffer.from(`${JSON.stringify(next)}\n`), { mode: 0o600 });
}

async function read(file: string): Promise<Sidecar> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { ledgers: {} };
    throw error;
  }
  try {
    return sidecar.parse(JSON.parse(text));
  } catch {
    // Forgetting what it held could let an older key in, so a person decides.
    throw refusedFile(file, 'it remembers the last hand-out and cannot be read; if no rotation is under way, remove it');
  }
}
