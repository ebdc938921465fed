/**
 * Owns what Algolia means by its statuses and fault bodies: `{"message": "…", "status": 403}`, and
 * a text that may end with a correlation id.
 */
import { z } from 'zod';
import type { FaultCodes } from '../../http/faults.js';

const faultBody = z.object({ message: z.string() });

export function faultText(body: unknown): string | null {
  const fault = faultBody.safeParse(body);
  return fault.success ? fault.data.message : null;
}

/**
 * 403 says both "this key is not accepted" and "it may not do this"; either way only another
 * management key helps.
 */
export function faultOf(status: number): keyof FaultCodes | null {
  return status === 403 ? 'unauthorized' : null;
}

/**
 * While any server has not heard of a deletion, a restore is answered 404 with this
 * (algoliasearch-client-javascript #1175).
 */
export function existsAlready(body: unknown): boolean {
  return faultText(body)?.startsWith('Key already exists') ?? false;
}

/**
 * What a refusal says of the key itself. Only a dead or unknown key is "Invalid Application-ID or
 * API key"; "Method not allowed with this API key" and its like are said to a key that lives and
 * has not that right, so a key without `search` can be probed, too. Null: it does not tell.
 */
export function isAliveThough(body: unknown): boolean | null {
  const text = faultText(body) ?? '';
  if (text.startsWith('Invalid Application-ID or API key')) return false;
  return /\bnot allowed\b/i.test(text) ? true : null;
}
