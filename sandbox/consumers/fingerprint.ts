/** Owns how a program shows which secret it holds without showing the secret. */
import { createHash } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** The first 12 characters of lower-case base32 (RFC 4648) of SHA-256("rekey:v1:" + secret). */
export function fingerprint(secret: string): string {
  const digest = createHash('sha256').update(`rekey:v1:${secret}`).digest();
  // 12 characters are 60 bits: the first eight bytes without their last four bits.
  let bits = digest.readBigUInt64BE() >> 4n;
  let text = '';
  for (let i = 0; i < 12; i++) {
    text = ALPHABET[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text;
}
