/**
 * Owns what SOAR means by its statuses and fault bodies, as recorded from a 51.0 server
 * (lancyandrade/qradar-soar-mcp, tests/fixtures/soar/verified).
 */
import { z } from 'zod';
import type { FaultCodes } from '../../http/faults.js';

const faultBody = z.object({ message: z.string().nullable() });

export function faultText(body: unknown): string | null {
  return faultBody.safeParse(body).data?.message ?? null;
}

/**
 * A conflict in its database: nothing was written, and IBM's own client asks again
 * (resilient-python-api, co3.py).
 */
export function faultOf(status: number): keyof FaultCodes | null {
  return status === 409 ? 'unavailable' : null;
}

/**
 * A refused login must never be taken for a proxy's and tried again: each counts towards a lock and
 * a ban.
 */
export const bareStatuses = [401] as const;
