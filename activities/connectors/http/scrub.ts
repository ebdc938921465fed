/**
 * Owns what of a foreign text may stand in an error: no secret that we know, nothing that looks
 * like a key, not much of it.
 */
import type { Secret } from '../../ports/secret.js';

const hidden = '[removed]';
const longest = 200;
/** A text that shows this many characters of a secret in a row shows too much of it. */
const telling = 8;
/** No text is worth looking at beyond this, and the search for fragments would take its time. */
const readable = 4_000;

/**
 * The text with all known secrets, their usual encodings and everything like a key replaced, on one
 * line, at most 200 characters long.
 */
export function scrub(text: string, secrets: readonly Secret[] = []): string {
  let clean = text.slice(0, readable);
  for (const form of secrets.flatMap(forms)) clean = withoutFragments(clean, form);
  // Control characters would let a foreign text rewrite the terminal or the log line that it is
  // shown in.
  clean = clean.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  clean = clean.replace(/[\w+/=~.-]{16,}/g, (run) => (looksLikeKey(run) ? hidden : run));
  return clean.length > longest ? `${clean.slice(0, longest - 1)}…` : clean;
}

/** A secret as it may come back: as sent, in an address, in JSON, in Basic authentication. */
function forms(secret: Secret): string[] {
  const value = secret.reveal();
  const base64 = Buffer.from(value).toString('base64');
  return [
    ...new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), base64, base64.replace(/=+$/, '')]),
  ].filter((form) => form !== '');
}

function withoutFragments(text: string, secret: string): string {
  const size = Math.min(telling, secret.length);
  let clean = '';
  let at = 0;
  while (at < text.length) {
    let end = at + size;
    if (end > text.length || !secret.includes(text.slice(at, end))) {
      clean += text[at++];
      continue;
    }
    while (end < text.length && secret.includes(text.slice(at, end + 1))) end++;
    clean += hidden;
    at = end;
  }
  return clean;
}

/** Words are long too; keys mix digits in, are hexadecimal, or go on for ever. */
function looksLikeKey(run: string): boolean {
  return /\d|^[a-f]+$/i.test(run) || run.length >= 32;
}
