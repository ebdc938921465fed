/**
 * The second line behind references: payloads are sealed under a key of the keys folder, and
 * nothing that was touched is opened.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Payload } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataConverter, EncryptionCodec } from '../../../client/codec.js';

let folder: string;
const putKey = (id: string) => writeFileSync(path.join(folder, `codec-${id}.key`), `${randomBytes(32).toString('base64')}\n`);
const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('utf8');
const bytes = (value: string) => new TextEncoder().encode(value);
const payload: Payload = {
  metadata: { encoding: bytes('json/plain'), other: new Uint8Array([0, 255, 128]) },
  data: bytes('{"credential":"datadog/agents"}'),
};
const keyOf = ({ metadata }: Payload) => text(metadata?.key);
const sealOne = async (codec: EncryptionCodec, one = payload) => (await codec.encode([one]))[0]!;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-codec-'));
  putKey('m1');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the codec', () => {
  it('gives back what it was given, byte by byte, metadata too', async () => {
    const codec = new EncryptionCodec(folder);
    const empty: Payload = { metadata: { encoding: bytes('binary/null') } };
    const opened = await codec.decode(await codec.encode([payload, empty]));
    expect(opened.map((p) => [text(p.metadata?.encoding), text(p.data)])).toEqual([
      ['json/plain', text(payload.data)],
      ['binary/null', ''],
    ]);
    expect([...opened[0]!.metadata!.other!]).toEqual([0, 255, 128]);
  });

  it('shows nothing of it, and never the same twice', async () => {
    const codec = new EncryptionCodec(folder);
    const [one, two] = await codec.encode([payload, payload]);
    for (const { metadata, data } of [one!, two!])
      expect([...Object.values(metadata!), data].map(text).join()).not.toMatch(/datadog|json/);
    expect(Buffer.from(one!.data!).equals(Buffer.from(two!.data!))).toBe(false);
  });

  it('leaves what others have encoded as it is', async () => {
    expect(await new EncryptionCodec(folder).decode([payload])).toEqual([payload]);
  });

  it('opens nothing of which a single byte was changed', async () => {
    const codec = new EncryptionCodec(folder);
    const sealed = await sealOne(codec);
    const length = sealed.data!.length;
    for (const place of [0, 11, 12, 27, 28, length - 1]) {
      const data = Buffer.from(sealed.data!);
      data[place]! ^= 1;
      await expect(codec.decode([{ ...sealed, data }]), `byte ${place}`).rejects.toThrow();
    }
    await expect(codec.decode([{ ...sealed, data: sealed.data!.slice(0, length - 1) }])).rejects.toThrow();
  });

  it('opens nothing under another key of the same name, and names a key that is not there', async () => {
    const sealed = await sealOne(new EncryptionCodec(folder));
    putKey('m1');
    await expect(new EncryptionCodec(folder).decode([sealed])).rejects.toThrow();
    const metadata = { ...sealed.metadata, key: bytes('gone') };
    await expect(new EncryptionCodec(folder).decode([{ ...sealed, metadata }])).rejects.toMatchObject({
      code: 'KR_VAULT_KEY_MISSING',
      message: expect.stringContaining('gone'),
    });
  });

  it('seals under the key whose name comes last, and opens what an older one has sealed', async () => {
    const old = await sealOne(new EncryptionCodec(folder));
    putKey('n2');
    const codec = new EncryptionCodec(folder);
    expect([keyOf(old), keyOf(await sealOne(codec))]).toEqual(['m1', 'n2']);
    expect(text((await codec.decode([old]))[0]!.data)).toBe(text(payload.data));
  });

  it('finds a key that was put there while it runs, and still seals under the one whose name comes last', async () => {
    const running = new EncryptionCodec(folder);
    putKey('a1');
    // Another process that has only this one, as after a key was brought from another machine.
    const foreign = mkdtempSync(path.join(folder, 'other-'));
    writeFileSync(path.join(foreign, 'codec-a1.key'), readFileSync(path.join(folder, 'codec-a1.key')));
    const sealed = await sealOne(new EncryptionCodec(foreign));
    expect(text((await running.decode([sealed]))[0]!.data)).toBe(text(payload.data));
    expect(keyOf(await sealOne(running))).toBe('m1');
  });

  it('is not made without a key', () => {
    rmSync(path.join(folder, 'codec-m1.key'));
    writeFileSync(path.join(folder, 'vault-m1.key'), 'not for it');
    expect(() => new EncryptionCodec(folder)).toThrowError(expect.objectContaining({ code: 'KR_VAULT_KEY_MISSING' }));
  });

  it('is what both sides use, with failures encoded like payloads', () => {
    const { payloadCodecs, failureConverterPath } = dataConverter(folder);
    expect(payloadCodecs).toHaveLength(1);
    expect(failureConverterPath).toMatch(/failure-converter\.cjs$/);
  });
});
