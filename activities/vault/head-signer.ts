/**
 * Owns the signatures under heads of audit chains: the private half of the installation's audit key
 * makes them on a worker, the public half is all that a check needs.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { ChainHead } from '../../workflows/domain/records.js';
import { readOwnFile, requireOwnFile } from '../ports/own-file.js';

export interface SignedHead extends ChainHead {
  readonly credential: string;
  /** When it was signed, by the worker's clock. */
  readonly at: string;
  /** The id of the audit key. */
  readonly key: string;
  /** Ed25519, in base64, of the text that `signedText` makes. */
  readonly signature: string;
}

const fileOf = (folder: string, id: string, half: 'key' | 'pub'): string => path.join(folder, `audit-${id}.${half}`);

/** Ed25519 as PEM, so that `openssl` reads both halves. A key file is never written over. */
export function makeAuditKey(folder: string, id: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writeFileSync(fileOf(folder, id, 'key'), privateKey, { mode: 0o600, flag: 'wx' });
  writeFileSync(fileOf(folder, id, 'pub'), publicKey, { mode: 0o644, flag: 'wx' });
}

/** Signs with the key whose name comes last, as the codec does. */
export class HeadSigner {
  readonly #id: string;
  readonly #key: KeyObject;

  private constructor(folder: string, id: string) {
    this.#id = id;
    this.#key = createPrivateKey(requireOwnFile(fileOf(folder, id, 'key')));
  }

  /** Null where the folder holds no audit key: then nothing is signed. */
  static of(folder: string): HeadSigner | null {
    const last = readdirSync(folder)
      .flatMap((name) => /^audit-([0-9a-z]+)\.key$/.exec(name)?.[1] ?? [])
      .sort()
      .at(-1);
    return last === undefined ? null : new HeadSigner(folder, last);
  }

  sign(credential: string, { position, hash }: ChainHead, at: Date): SignedHead {
    const head = { credential, position, hash, at: at.toISOString() };
    return { ...head, key: this.#id, signature: sign(null, signedText(head), this.#key).toString('base64') };
  }
}

/** Tells whether a head was signed by a key of the folder. */
export class HeadChecker {
  readonly #keys = new Map<string, KeyObject | null>();

  constructor(private readonly folder: string) {}

  isOurs(head: SignedHead): boolean {
    const key = this.#keyOf(head.key);
    return key !== null && verify(null, signedText(head), key, Buffer.from(head.signature, 'base64'));
  }

  /** The private half will do where the public one is not there. */
  #keyOf(id: string): KeyObject | null {
    if (!/^[0-9a-z]+$/.test(id)) return null;
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const text = readOwnFile(fileOf(this.folder, id, 'pub')) ?? readOwnFile(fileOf(this.folder, id, 'key'));
    const key = text === null ? null : createPublicKey(text);
    this.#keys.set(id, key);
    return key;
  }
}

function signedText({ credential, position, hash, at }: Pick<SignedHead, 'credential' | 'position' | 'hash' | 'at'>): Buffer {
  return Buffer.from(`rekey:head:v1:${canonicalJson([credential, position, hash, at])}`);
}
