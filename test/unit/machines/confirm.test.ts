import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connector } from '../../../activities/connectors/app-hosts/file/app-host.js';
import { Secret } from '../../../activities/ports/secret.js';
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import type { RekeyError } from '../../../workflows/domain/errors.js';

const old = new Secret('aaaabbbbccccddddeeeeffff00001111');
const next = new Secret('f1e2d3c4b5a6978877665544332211ff');
const known = [
  { generation: 1, keyId: 'a', secret: old },
  { generation: 2, keyId: 'b', secret: next },
];
const never = () => new AbortController().signal;
const host = connector.open(
  connector.config.settings.parse({ timing: { request: '5s' } }),
  { name: 'here', userAgent: 'rekey/0.1.0 (here; 7)', resolve: async () => old },
  null,
);

let folder: string;
let file: string;
const running: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rekey-confirm-'));
  file = path.join(folder, 'key');
  writeFileSync(file, old.reveal());
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const consumer = (more: object): ConsumerSpec => ({ name: 'web-1', host: 'here', settings: { file, format: 'whole', ...more } });
const inspect = (more: object) => host.inspect(consumer(more), known, never());
const deliver = () =>
  host.deliver(
    {
      consumer: consumer({}),
      version: { generation: 2, keyId: 'b', secret: next },
      otherKeys: [],
      fence: { ledgerId: 'l', number: 1 },
    },
    never(),
  );
const pidFile = () => path.join(folder, 'pid');
const pid = () => Number(readFileSync(pidFile(), 'utf8'));

/** A program that writes its number and then does what the signals tell it to. */
async function start(script = 'while :; do sleep 0.05; done', name = 'sh'): Promise<ChildProcess> {
  rmSync(pidFile(), { force: true });
  const child = spawn('sh', ['-c', `echo $$ > ${pidFile()}.new; mv ${pidFile()}.new ${pidFile()}; ${script}`], {
    argv0: name,
    stdio: 'ignore',
  });
  running.push(child);
  await expect.poll(() => existsSync(pidFile()), { timeout: 30_000, interval: 5 }).toBe(true);
  return child;
}

describe('the start of a process', () => {
  const byPid = () => inspect({ process: { pidFile: pidFile() } });

  it('after the last change of the source proves what stands there, and before it nothing', async () => {
    await sleep(30);
    const before = await start();
    expect(await byPid()).toMatchObject({
      state: 'running',
      source: 1,
      instances: [{ id: `${before.pid}`, generation: 1, evidence: 'loaded' }],
    });
    await deliver();
    expect(await byPid()).toMatchObject({ source: 2, instances: [{ id: `${before.pid}`, generation: null, evidence: 'none' }] });
    const after = await start();
    expect(await byPid()).toMatchObject({ source: 2, instances: [{ id: `${after.pid}`, generation: 2, evidence: 'loaded' }] });
  });

  it('is dated by the time since boot once rekey has written: a file that looks older than the process is no proof', async () => {
    const before = await start();
    await deliver();
    // As a wall clock that was set forth after the write would have it.
    const [beside] = readdirSync(folder).filter((name) => name.endsWith('.rekey'));
    const remembered = JSON.parse(readFileSync(path.join(folder, beside!), 'utf8')) as { standing: { uptime: number } };
    expect(remembered.standing.uptime).toBeGreaterThan(0);
    expect((await byPid()).instances).toEqual([{ id: `${before.pid}`, generation: null, evidence: 'none' }]);
    remembered.standing.uptime -= 600_000;
    writeFileSync(path.join(folder, beside!), JSON.stringify(remembered));
    expect((await byPid()).instances).toMatchObject([{ generation: 2, evidence: 'loaded' }]);
  });

  it('proves nothing when the source holds a key that is none of ours', async () => {
    writeFileSync(file, 'another-key-altogether-00000000');
    await sleep(30);
    await start();
    expect((await byPid()).instances).toEqual([{ id: `${pid()}`, generation: null, evidence: 'none' }]);
  });

  it.each([
    ['that there is none', async () => undefined],
    ['a process that has ended', async () => void (await ended(await start('exit')))],
    ['a number that another process was given later', () => start().then(() => utimesSync(pidFile(), 1, 1))],
  ])('is not taken from a pid file that shows %s', async (_, prepare) => {
    await prepare();
    expect(await byPid()).toMatchObject({ state: 'stopped', instances: [], healthy: true });
  });

  it('is not taken from a pid file that holds something else', async () => {
    writeFileSync(pidFile(), '1; reboot');
    expect(await byPid()).toMatchObject({ state: 'failing', healthy: false, detail: expect.stringContaining('no number') });
  });

  it('by name is that of the parent, where its workers have the same name', async () => {
    const name = `rk${process.pid}`;
    const program = path.join(folder, name);
    writeFileSync(program, '#!/bin/sh\n(while :; do sleep 0.05; done) &\nwait\n', { mode: 0o755 });
    await sleep(30);
    const child = spawn(program, { stdio: 'ignore', detached: true });
    const named = () => inspect({ process: { name } });
    await expect
      .poll(async () => (await named()).instances, { timeout: 30_000 })
      .toEqual([{ id: `${child.pid}`, generation: 1, evidence: 'loaded' }]);
    process.kill(-child.pid!, 'SIGKILL');
    await expect.poll(async () => (await named()).state, { timeout: 30_000 }).toBe('stopped');
  });

  const startedAt = async (text: string) => (await inspect({ confirm: { started: `echo '${text}'` } })).instances;

  /** The next full second, and a fraction of it, in the words of ISO 8601 without a zone. */
  const soon = () => new Date(Math.ceil(Date.now() / 1000) * 1000).toISOString().slice(0, 19);
  it.each([
    () => `${soon()}.001Z`,
    () => `Sun ${soon().replace('T', ' ')}.000999 UTC`,
    () => `${soon()}+0000`,
    () => `@${Date.parse(`${soon()}Z`) / 1000}.001`,
  ])('as a command shows it, after the change: %s', async (text) => {
    expect(await startedAt(text())).toMatchObject([{ id: '#1', generation: 1 }]);
  });

  it.each([
    '2001-01-31T12:00:00Z',
    '@1000000000',
    '2100-01-31T12:00:00.5Z',
    '@4102444800.25',
  ])('as a command shows it, long before the change or not yet come: %s', async (text) =>
    expect(await startedAt(text)).toMatchObject([{ id: '#1', generation: null }]));

  it.each([['Sun 2100-01-31 12:00:00 CET'], ['yesterday'], ['2100-01-31 12:00:00']])('is not guessed from %s', async (text) => {
    expect(await inspect({ confirm: { started: `echo '${text}'` } })).toMatchObject({ state: 'failing', healthy: false });
  });

  it.each([[''], ['n/a']])('that a command shows as %j is none', async (text) => {
    expect(await inspect({ confirm: { started: `echo '${text}'` } })).toMatchObject({ state: 'stopped', instances: [] });
  });
});

describe('a signal', () => {
  const apply = (more: object) => host.apply(consumer({ process: { pidFile: pidFile() }, ...more }), never());
  const heard = () => existsSync(path.join(folder, 'heard'));

  it('asks the process to read its file again', async () => {
    await start(`trap 'touch ${folder}/heard' HUP; while :; do sleep 0.05; done`);
    await apply({ signal: 'HUP', confirm: { last4: 'true' } });
    await expect.poll(heard, { timeout: 30_000 }).toBe(true);
  });

  it('ends one that is started anew, which then proves itself by its start', async () => {
    const child = await start();
    await deliver();
    await apply({ signal: 'TERM' });
    await ended(child);
    await start();
    expect((await inspect({ process: { pidFile: pidFile() } })).instances).toMatchObject([{ generation: 2, evidence: 'loaded' }]);
  });

  it('reaches nobody where the program does not run, or its number was given to another', async () => {
    await apply({ signal: 'TERM' });
    const child = await start();
    utimesSync(pidFile(), 1, 1);
    await apply({ signal: 'TERM' });
    await sleep(50);
    expect(child.exitCode ?? child.signalCode).toBeNull();
  });

  it('is refused where several programs have the name', async () => {
    const name = `rk${process.pid}x`;
    writeFileSync(path.join(folder, name), '#!/bin/sh\nwhile :; do sleep 0.05; done\n', { mode: 0o755 });
    for (let i = 0; i < 2; i++) running.push(spawn(path.join(folder, name), { stdio: 'ignore' }));
    await expect.poll(async () => (await inspect({ process: { name } })).instances, { timeout: 30_000 }).toHaveLength(2);
    const error = await host
      .apply(consumer({ process: { name }, signal: 'TERM' }), never())
      .catch((reason: RekeyError) => reason);
    expect(error).toMatchObject({ code: 'KR_HOST_REFUSED', detail: expect.stringContaining('2 processes') });
  });
});

describe('a door', () => {
  let server: http.Server;
  let answer: (request: http.IncomingMessage, response: http.ServerResponse) => unknown;
  beforeEach(async () => {
    server = http.createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => server.close());
  const at = (where = '/status?all=1') => `http://127.0.0.1:${(server.address() as AddressInfo).port}${where}`;
  const asked = (shows = 'last4') => inspect({ confirm: { http: at(), shows } });

  it('shows the key as a command would', async () => {
    answer = (request, response) =>
      response.end(`{"${request.url} ${request.headers['user-agent']}":1,"API key ending with 1111":1}`);
    expect(await asked()).toMatchObject({ state: 'running', instances: [{ id: '#1', generation: 1, evidence: 'uses' }] });
    answer = (_, response) => response.end(`fingerprint ${next.fingerprint}`);
    expect((await asked('fingerprint')).instances).toMatchObject([{ generation: 2, evidence: 'uses' }]);
  });

  it.each([
    [
      'an error',
      (_: unknown, response: http.ServerResponse) => response.writeHead(500).end('API key ending with 1111'),
      /answers 500$/,
    ],
    [
      'a redirect',
      (_: unknown, response: http.ServerResponse) => response.writeHead(302, { location: '/' }).end(),
      /answers 302$/,
    ],
    [
      'a cut answer',
      (_: unknown, response: http.ServerResponse) =>
        response.writeHead(200, { 'content-length': 99 }).write('API key ending with 1111', () => response.destroy()),
      /broke off/,
    ],
  ])('that gives %s shows nothing', async (_, given, detail) => {
    answer = given as typeof answer;
    expect(await asked()).toMatchObject({
      state: 'failing',
      healthy: false,
      instances: [],
      detail: expect.stringMatching(detail),
    });
  });

  it('at which nobody answers shows nothing', async () => {
    const url = at();
    await new Promise((resolve) => server.close(resolve));
    expect(await inspect({ confirm: { http: url, shows: 'last4' } })).toMatchObject({
      state: 'failing',
      detail: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('that is silent is no answer at all', async () => {
    answer = () => undefined;
    const gone = AbortSignal.timeout(200);
    const error = await host
      .inspect(consumer({ confirm: { http: at(), shows: 'last4' } }), known, gone)
      .catch((reason: RekeyError) => reason);
    expect(error).toMatchObject({ code: 'KR_HOST_UNAVAILABLE' });
    server.closeAllConnections();
  });
});

async function ended(child: ChildProcess): Promise<void> {
  await expect.poll(() => child.exitCode !== null || child.signalCode !== null, { timeout: 30_000 }).toBe(true);
}
