/**
 * Owns secured API keys: made by anybody who holds a search key, without asking Algolia, which only
 * checks the signature when one is used. As `generateSecuredApiKey` of `algoliasearch` 5.64.0 makes
 * them: base64 of HMAC-SHA256(parent, restrictions) in hexadecimal, then the restrictions.
 */
import { createHmac } from 'node:crypto';

export interface SecuredKey {
  readonly restrictions: URLSearchParams;
  isOf(parent: string): boolean;
}

/** Restrictions in the order of their names, since the signature is over the text. */
export function securedKey(parent: string, restrictions: Readonly<Record<string, string | number>>): string {
  const text = Object.keys(restrictions)
    .sort()
    .map((name) => `${name}=${encodeURIComponent(restrictions[name]!)}`)
    .join('&');
  return Buffer.from(sign(parent, text) + text).toString('base64');
}

/** Undefined for what cannot be one. */
export function readSecuredKey(value: string): SecuredKey | undefined {
  const [, signature, text] = /^([0-9a-f]{64})(.*)$/s.exec(Buffer.from(value, 'base64').toString()) ?? [];
  if (signature === undefined || text === undefined) return undefined;
  return { restrictions: new URLSearchParams(text), isOf: (parent) => sign(parent, text) === signature };
}

function sign(parent: string, text: string): string {
  return createHmac('sha256', parent).update(text).digest('hex');
}
