/**
 * Owns what DNN means by its statuses and fault bodies, as its samples show them
 * (dnnsoftware/Dnn.Evoq.LiquidContent.Samples.Public, `APIExplorer`).
 */
import { z } from 'zod';

const faultBody = z.object({ message: z.string(), developerMessage: z.string().nullish() });

/**
 * A 422 calls itself `error.422` and gives its reason beside it; a 401 gives none, since it has
 * several.
 */
export function faultText(body: unknown): string | null {
  const fault = faultBody.safeParse(body).data;
  if (!fault) return null;
  if (fault.developerMessage) return fault.developerMessage;
  return fault.message.startsWith('Authorization has been denied')
    ? `${fault.message} DNN says so to what is unknown, and to what lacks the right, alike`
    : fault.message;
}
