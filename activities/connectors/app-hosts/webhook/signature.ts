/**
 * Owns the signing of requests, as the Standard Webhooks specification has it, so that receivers
 * can check it with a library.
 */
import { createHmac } from 'node:crypto';
import type { Secret } from '../../../ports/secret.js';

/**
 * Headers `webhook-id`, `webhook-timestamp`, `webhook-signature`: `v1,` and base64 of HMAC-SHA256
 * over `id.timestamp.body` (standard-webhooks/standard-webhooks, spec/standard-webhooks.md). A key
 * that begins with `whsec_` is base64 behind it; any other is taken as it is.
 */
export function signatureHeaders(key: Secret, id: string, at: Date, body: string): Record<string, string> {
  const timestamp = `${Math.floor(at.getTime() / 1000)}`;
  const value = key.reveal();
  const bytes = value.startsWith('whsec_') ? Buffer.from(value.slice('whsec_'.length), 'base64') : Buffer.from(value, 'utf8');
  const signature = createHmac('sha256', bytes).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
