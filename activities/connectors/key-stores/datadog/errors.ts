/**
 * Owns what Datadog means by its statuses and fault bodies: `{"errors": ["…"]}` in
 * `@datadog/datadog-api-client`, APIErrorResponse.
 */
import { z } from 'zod';
import type { FaultCodes } from '../../http/faults.js';

const faultBody = z.object({ errors: z.array(z.string()) });

export function faultText(body: unknown): string | null {
  const fault = faultBody.safeParse(body);
  return fault.success ? fault.data.errors.join('; ') : null;
}

/**
 * 403 says both "these keys are not accepted" and "they may not do this"; either way only another
 * management credential helps.
 */
export function faultOf(status: number): keyof FaultCodes | null {
  return status === 403 ? 'unauthorized' : null;
}
