/**
 * Owns the one type in which a secret value travels inside an activity: it shows itself to nobody
 * who does not ask by name.
 */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const hidden = '[secret]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: for the request or the file that must carry it, and for nothing else. */
  reveal(): string {
    return this.#value;
  }

  /** SHA-256 of "rekey:v1:" + secret, in hexadecimal: by it a leaked value is recognized. */
  get digest(): string {
    return this.#hash().toString('hex');
  }

  /** The beginning of the digest for people: its first 12 lower-case base32 characters. */
  get fingerprint(): string {
    return base32(this.#hash()).slice(0, 12);
  }

  /**
   * What stands for a key whose id is its secret, wherever an id is shown or kept: SHA-256 of
   * "rekey:id:v1:" + secret, in hexadecimal.
   */
  get handle(): string {
    return createHash('sha256').update(`rekey:id:v1:${this.#value}`).digest('hex');
  }

  #hash(): Buffer {
    return createHash('sha256').update(`rekey:v1:${this.#value}`).digest();
  }

  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  /**
   * Whether the last characters, as programs show them, are those of this secret; fewer than four
   * prove nothing.
   */
  endsWith(characters: string): boolean {
    return characters.length >= 4 && this.#value.endsWith(characters);
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join('');
}
