import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connector } from '../../../activities/connectors/app-hosts/webhook/app-host.js';
import { signatureHeaders } from '../../../activities/connectors/app-hosts/webhook/signature.js';
import type { AppHost } from '../../../activities/ports/app-host.js';
import { Secret } from '../../../activities/ports/secret.js';
import type { RekeyError } from '../../../workflows/domain/errors.js';

const example = path.resolve(import.meta.dirname, '../../../examples/webhook-receiver.mjs');
const old = new Secret('aaaabbbbccccddddeeeeffff00001111');
const next = new Secret('f1e2d3c4b5a6978877665544332211ff');
const signingKey = new Secret('a signing key of some length');
const known = [
  { generation: 1, keyId: 'a', secret: old },
  { generation: 2, keyId: 'b', secret: next },
];
const never = () => new AbortController().signal;
const consumer = { name: 'web-1', host: 'hook', settings: { target: 'invoices' } };

let folder: string;
let receiver: ChildProcess;
let url: string;
let host: AppHost;
const keyFile = () => path.join(folder, 'key');

async function start(): Promise<void> {
  const env = { PORT: '0', NAME: 'invoices', KEY_FILE: keyFile(), SIGNING_KEY_FILE: path.join(folder, 'signing-key') };
  receiver = spawn(process.execPath, [example], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(receiver.stdout!, 'data');
  url = `http://127.0.0.1:${/\d+/.exec(String(line))![0]}/`;
  const settings = connector.config.settings.parse({ url, management: { signingKey: 'env:K' } });
  host = connector.open(settings, { name: 'hook', userAgent: 'rekey/0 (h; 1)', resolve: async () => signingKey }, null);
}
async function stop(): Promise<void> {
  receiver.kill();
  await once(receiver, 'exit');
}
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'rekey-receiver-'));
  writeFileSync(keyFile(), old.reveal());
  writeFileSync(path.join(folder, 'signing-key'), `${signingKey.reveal()}\n`);
  await start();
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const inspect = () => host.inspect(consumer, known, never());
const deliver = (version: (typeof known)[number], number = 1, ledgerId = 'l') =>
  host.deliver({ consumer, version, otherKeys: [], fence: { ledgerId, number } }, never());
const ask = (body: string, at = new Date(), key = signingKey) =>
  fetch(url, { method: 'POST', body, headers: signatureHeaders(key, 'id', at, body) });

describe('the receiver of the documentation', () => {
  it('shows the key that it holds and the one that it works with', async () => {
    expect(await inspect()).toMatchObject({
      state: 'running',
      healthy: true,
      source: 1,
      instances: [{ generation: 1, evidence: 'uses' }],
    });
    await deliver(known[1]!);
    expect(await inspect()).toMatchObject({ source: 2, instances: [{ generation: 1 }] });
    await host.apply(consumer, never());
    await host.apply(consumer, never());
    expect(await inspect()).toMatchObject({ source: 2, instances: [{ generation: 2, evidence: 'uses' }] });
    expect(readFileSync(keyFile(), 'utf8')).toBe(next.reveal());
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
  });

  it('refuses an older hand-out, also after it was started anew', async () => {
    await deliver(known[1]!, 7);
    await stop();
    await start();
    expect(await deliver(known[0]!, 6).catch((error: RekeyError) => error)).toMatchObject({
      code: 'KR_HOST_FENCED',
      heldFence: 7,
    });
    expect(readFileSync(keyFile(), 'utf8')).toBe(next.reveal());
    await deliver(known[0]!, 1, 'another ledger');
  });

  it('has a name that stays', async () => {
    const identity = await host.identity(never());
    await stop();
    await start();
    expect(await host.identity(never())).toBe(identity);
  });

  it.each([
    ['an hour ago', () => ask('{"type":"identify"}', new Date(Date.now() - 3_600_000))],
    ['with another key', () => ask('{"type":"identify"}', new Date(), new Secret('another key'))],
    ['not at all', () => fetch(url, { method: 'POST', body: '{"type":"identify"}' })],
    [
      'for another body',
      () =>
        fetch(url, {
          method: 'POST',
          body: '{"type":"identify"} ',
          headers: signatureHeaders(signingKey, 'id', new Date(), '{"type":"identify"}'),
        }),
    ],
  ])('does nothing for a request that was signed %s', async (_, request) => {
    expect((await request()).status).toBe(401);
  });

  it('knows only its own program and its own requests', async () => {
    expect((await ask('{"type":"inspect","consumer":"other"}')).status).toBe(404);
    expect((await ask('{"type":"explode","consumer":"invoices"}')).status).toBe(400);
  });
});
