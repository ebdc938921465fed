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
const workflow = (workflowId: string) => ({ type: 'workflow', namespace: 'default', workflowId }) as const;
const expectRefused = ([one]: readonly Payload[]) => expect(text(one!.data)).toBe('{"message":"a message that is none of ours"}');
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

  it.each<[string, (sealed: Payload) => Payload]>([
    ['what nobody has sealed', () => payload],
    ['nothing at all', () => ({})],
    ['an encoding without data', ({ metadata }) => ({ metadata })],
    ['data that is cut short', ({ metadata, data }) => ({ metadata, data: data!.slice(0, -1) })],
    ['data shorter than its head', ({ metadata, data }) => ({ metadata, data: data!.slice(0, 20) })],
    ['a key that is not there', ({ metadata, data }) => ({ metadata: { ...metadata, key: bytes('gone') }, data })],
    ['the name of another place', ({ metadata, data }) => ({ metadata: { ...metadata, place: bytes('default/other') }, data })],
  ])('refuses %s, and never throws: whoever reads a history would stop for ever', async (_, change) => {
    const codec = new EncryptionCodec(folder);
    expectRefused(await codec.decode([change(await sealOne(codec))]));
  });

  it('refuses what a single byte was changed of', async () => {
    const codec = new EncryptionCodec(folder);
    const sealed = await sealOne(codec);
    for (const at of [0, 11, 12, 27, 28, sealed.data!.length - 1]) {
      const data = Buffer.from(sealed.data!);
      data[at]! ^= 1;
      expectRefused(await codec.decode([{ ...sealed, data }]));
    }
  });

  it('refuses what another key of the same name has sealed', async () => {
    const sealed = await sealOne(new EncryptionCodec(folder));
    putKey('m1');
    expectRefused(await new EncryptionCodec(folder).decode([sealed]));
  });

  it('opens a payload in the workflow that it was sealed for, and in no other', async () => {
    const codec = new EncryptionCodec(folder);
    const [sealed] = await codec.encode([payload], workflow('rotation/a'));
    const activity = { type: 'activity', namespace: 'default', workflowId: 'rotation/a', isLocal: false } as const;
    for (const here of [workflow('rotation/a'), activity, undefined])
      expect(text((await codec.decode([sealed!], here))[0]!.data)).toBe(text(payload.data));
    expectRefused(await codec.decode([sealed!], workflow('rotation/b')));
    expectRefused(await codec.decode([sealed!], { ...workflow('rotation/a'), namespace: 'other' }));
    expectRefused(await codec.decode([await sealOne(codec)], workflow('rotation/a')));
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
