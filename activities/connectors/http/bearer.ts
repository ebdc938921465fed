/** Owns how a key is sent as a bearer, and recognised in whatever comes back. */
import { Secret } from '../../ports/secret.js';
import type { Call } from './client.js';

export function bearer(key: Secret): Pick<Call, 'headers' | 'secrets'> {
  return { headers: { authorization: new Secret(`Bearer ${key.reveal()}`) }, secrets: [key] };
}
