/**
 * Owns what DocSpace means by its fault bodies: `{"status": 1, "error": {"message": "…"}}`
 * (CommonApiResponse.cs), or problem details in the envelope of a success.
 */
import { z } from 'zod';

const fault = z.object({ error: z.object({ message: z.string() }) });
const problem = z.object({ response: z.object({ title: z.string(), errors: z.record(z.string(), z.unknown()).optional() }) });

export function faultText(body: unknown): string | null {
  const said = fault.safeParse(body).data?.error.message;
  if (said !== undefined) return said;
  const { title, errors } = problem.safeParse(body).data?.response ?? {};
  return title === undefined ? null : [title, ...Object.keys(errors ?? {})].join(' ');
}

/** A key that is dead gets a bare 401 (ApiKeyBearerAuthHandler.cs). */
export const bareStatuses = [401] as const;
