/**
 * Owns the encryption of payloads and failures on their way to Temporal; payloads hold references
 * only, so this is the second line, not the first.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { requireOwnFile } from '../activities/ports/own-file.js';
import { RekeyError } from '../workflows/domain/errors.js';

const encoding = 'binary/rekey-v1';
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Encrypts with the key of the folder whose name comes last, which is the newest, decrypts with the
 * one that a payload names: a key can be replaced while rotations run.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #keys = new Map<string, Buffer>();

  constructor(private readonly folder: string) {
    this.#read();
    if (this.#keys.size === 0) throw new RekeyError('KR_VAULT_KEY_MISSING', 'there is no codec key in the keys folder');
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const id = [...this.#keys.keys()].sort().at(-1)!;
    return payloads.map((payload) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', this.#keys.get(id)!, nonce);
      const plain = JSON.stringify({
        metadata: mapValues(payload.metadata ?? {}, base64),
        data: base64(payload.data ?? new Uint8Array()),
      });
      const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return { metadata: { encoding: utf8(encoding), key: utf8(id) }, data: Buffer.concat([nonce, cipher.getAuthTag(), text]) };
    });
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => {
      if (text(payload.metadata?.encoding) !== encoding || !payload.data) return payload;
      const sealed = Buffer.from(payload.data);
      const decipher = createDecipheriv('aes-256-gcm', this.#key(text(payload.metadata?.key)), sealed.subarray(0, 12)).setAuthTag(
        sealed.subarray(12, 28),
      );
      const plain = JSON.parse(Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')) as {
        metadata: Record<string, string>;
        data: string;
      };
      return {
        metadata: mapValues(plain.metadata, (value) => Buffer.from(value, 'base64')),
        data: Buffer.from(plain.data, 'base64'),
      };
    });
  }

  #key(id: string): Buffer {
    if (!this.#keys.has(id)) this.#read();
    const key = this.#keys.get(id);
    if (!key) throw new RekeyError('KR_VAULT_KEY_MISSING', `the codec key ${id} is not in the keys folder of this machine`);
    return key;
  }

  #read(): void {
    for (const name of readdirSync(this.folder).sort()) {
      const id = /^codec-([0-9a-z]+)\.key$/.exec(name)?.[1];
      if (id) this.#keys.set(id, Buffer.from(requireOwnFile(path.join(this.folder, name)).trim(), 'base64'));
    }
  }
}

/**
 * Both sides use the same: codec for payloads, and failures whose message and stack go through it,
 * too.
 */
export function dataConverter(keysFolder: string) {
  return { payloadCodecs: [new EncryptionCodec(keysFolder)], failureConverterPath };
}

/**
 * Loaded by `require`, also into the workflow bundle: without it there, failures of workflow code
 * would be in clear.
 */
const failureConverterPath = fileURLToPath(new URL('./failure-converter.cjs', import.meta.url));

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
const mapValues = <From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
