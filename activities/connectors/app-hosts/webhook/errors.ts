/** Owns what a receiver's answers mean. */
import { z } from 'zod';
import type { FaultCodes } from '../../http/faults.js';

/** A receiver that refuses our signature stays so until a person gives both sides the same key. */
export const webhookFaults: FaultCodes = {
  unavailable: 'KR_HOST_UNAVAILABLE',
  unclear: 'KR_HOST_UNCLEAR',
  rateLimited: 'KR_HOST_UNAVAILABLE',
  refused: 'KR_HOST_REFUSED',
  unauthorized: 'KR_HOST_REFUSED',
};

/** A delivery that is older than one that the receiver has seen. */
export const fenced = z.object({ fence: z.int() });

export function faultText(body: unknown): string | null {
  const read = z.object({ error: z.string() }).safeParse(body);
  return read.success ? read.data.error : null;
}
