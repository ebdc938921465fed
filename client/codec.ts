/**
 * Owns the encryption of payloads and failures on their way to Temporal; payloads hold references
 * only, so this is the second line, not the first.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import { requireOwnFile } from '../activities/ports/own-file.js';
import { RekeyError } from '../workflows/domain/errors.js';

const encoding = 'binary/rekey-v1';
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Read as a value it is no envelope, and as a failure it has these words. */
const refused: Payload = {
  metadata: { encoding: utf8('json/plain') },
  data: utf8(JSON.stringify({ message: 'a message that is none of ours' })),
};

/** The workflow that a payload belongs to; null where nobody says. */
const placeOf = (context?: SerializationContext): string | null =>
  context?.workflowId === undefined ? null : `${context.namespace}/${context.workflowId}`;

/**
 * Encrypts with the key of the folder whose name comes last, which is the newest, decrypts with the
 * one that a payload names: a key can be replaced while rotations run. What it seals belongs to one
 * workflow, and opens nowhere else.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #keys = new Map<string, Buffer>();

  constructor(private readonly folder: string) {
    this.#read();
    if (this.#keys.size === 0) throw new RekeyError('KR_VAULT_KEY_MISSING', 'there is no codec key in the keys folder');
  }

  async encode(payloads: Payload[], context?: SerializationContext): Promise<Payload[]> {
    const id = [...this.#keys.keys()].sort().at(-1)!;
    const place = placeOf(context) ?? '';
    return payloads.map((payload) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', this.#keys.get(id)!, nonce).setAAD(utf8(place));
      const plain = JSON.stringify({
        metadata: mapValues(payload.metadata ?? {}, base64),
        data: base64(payload.data ?? new Uint8Array()),
      });
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      // A web page that shows a history says of no payload where it belongs.
      const metadata = { encoding: utf8(encoding), key: utf8(id), place: utf8(place) };
      return { metadata, data: Buffer.concat([nonce, cipher.getAuthTag(), sealed]) };
    });
  }

  /**
   * What cannot be opened comes out as `refused`, which is no message of ours. An error would stop
   * whoever reads a history for ever: Temporal tries a workflow's task again without end.
   */
  async decode(payloads: Payload[], context?: SerializationContext): Promise<Payload[]> {
    return payloads.map((payload) => {
      try {
        return this.#open(payload, placeOf(context));
      } catch {
        return refused;
      }
    });
  }

  #open({ metadata, data }: Payload, place: string | null): Payload {
    const stated = text(metadata?.place);
    if (text(metadata?.encoding) !== encoding || (place !== null && place !== stated)) return refused;
    const sealed = Buffer.from(data ?? []);
    const key = this.#key(text(metadata?.key));
    if (!key) return refused;
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
      .setAAD(utf8(stated))
      .setAuthTag(sealed.subarray(12, 28));
    const plain = JSON.parse(Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')) as {
      metadata: Record<string, string>;
      data: string;
    };
    return {
      metadata: mapValues(plain.metadata, (value) => Buffer.from(value, 'base64')),
      data: Buffer.from(plain.data, 'base64'),
    };
  }

  #key(id: string): Buffer | undefined {
    if (!this.#keys.has(id)) this.#read();
    return this.#keys.get(id);
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
