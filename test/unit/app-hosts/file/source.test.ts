import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type * as Files from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connector } from '../../../../activities/connectors/app-hosts/file/app-host.js';
import type { AppHost } from '../../../../activities/ports/app-host.js';
import { Secret } from '../../../../activities/ports/secret.js';
import type { ConsumerSpec } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';

const old = new Secret('aaaabbbbccccddddeeeeffff00001111');
const next = new Secret('f1e2d3c4b5a6978877665544332211ff');

/**
 * Called when the nth new content is begun beside the file: after it was read, before it is
 * renamed.
 */
let meanwhile: (nth: number) => unknown = () => undefined;
let begun = 0;
vi.mock('node:fs/promises', async (original) => {
  const files = await original<typeof Files>();
  const open: typeof Files.open = (name, ...rest) => {
    if (String(name).includes('datadog.yaml.rekey-new-')) meanwhile(++begun);
    return files.open(name, ...rest);
  };
  return { ...files, open };
});

let folder: string;
let file: string;
let host: AppHost;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rekey-file-'));
  file = path.join(folder, 'datadog.yaml');
  writeFileSync(file, `# agent\napi_key: ${old.reveal()}\n`, { mode: 0o640 });
  host = open();
  begun = 0;
  meanwhile = () => undefined;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(request = '5s'): AppHost {
  const settings = connector.config.settings.parse({ timing: { request } });
  return connector.open(settings, { name: 'here', userAgent: 'rekey/0.1.0 (here; 7)', resolve: async () => old }, null);
}
const consumer = (more: object = {}): ConsumerSpec => ({
  name: 'web-1',
  host: 'here',
  settings: { file, format: 'yaml', at: 'api_key', ...more },
});
const deliver = (secret = next, { number = 1, generation = 2, spec = consumer(), signal = new AbortController().signal } = {}) =>
  host.deliver(
    { consumer: spec, version: { generation, keyId: 'k', secret }, otherKeys: [], fence: { ledgerId: 'l', number } },
    signal,
  );
const held = () => /api_key: (\S+)/.exec(readFileSync(file, 'utf8'))![1];
const beside = (name: string) => path.join(folder, `.datadog.yaml${name}`);

const until = (condition: () => boolean) => expect.poll(condition, { timeout: 30_000, interval: 5 }).toBe(true);

async function failure(promise: Promise<unknown>): Promise<RekeyError> {
  const error = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RekeyError);
  return error as RekeyError;
}

describe('a hand-out', () => {
  it('keeps mode and everything but the value, and leaves only its memory behind', async () => {
    await deliver();
    expect(readFileSync(file, 'utf8')).toBe(`# agent\napi_key: ${next.reveal()}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder).sort()).toEqual(['.datadog.yaml.rekey', 'datadog.yaml']);
    expect(readFileSync(beside('.rekey'), 'utf8')).not.toContain(next.reveal());
  });

  it.skipIf(process.getuid?.() !== 0)('keeps the owner (seen only by root)', async () => {
    execFileSync('chown', ['12:34', file]);
    await deliver();
    expect([statSync(file).uid, statSync(file).gid]).toEqual([12, 34]);
  });

  it('replaces the file as a whole: a reader that has it open keeps the old one', async () => {
    const before = statSync(file).ino;
    await deliver();
    expect(statSync(file).ino).not.toBe(before);
  });

  it('does not touch a file that is right already', async () => {
    await deliver();
    const { ino, mtimeMs } = statSync(file);
    await deliver();
    expect(statSync(file)).toMatchObject({ ino, mtimeMs });
  });

  it('follows a link to the real file, and keeps the link', async () => {
    const link = path.join(folder, 'link.yaml');
    symlinkSync(file, link);
    await deliver(next, { spec: consumer({ file: link }) });
    expect(held()).toBe(next.reveal());
    expect(existsSync(beside('.rekey'))).toBe(true);
  });

  it('refuses a file with a second name, which would keep the old key', async () => {
    linkSync(file, path.join(folder, 'other.yaml'));
    expect((await failure(deliver())).code).toBe('KR_HOST_REFUSED');
    expect(held()).toBe(old.reveal());
  });

  it.each([
    ['a missing file', { file: '/does/not/exist.yaml' }, /does not exist \(ENOENT\)/],
    ['a folder', { file: '/usr/bin' }, /not a regular file/],
    ['a missing place', { at: 'app_key' }, /no app_key/],
  ])('refuses %s, for good', async (_, more, reason) => {
    expect(await failure(deliver(next, { spec: consumer(more) }))).toMatchObject({
      code: 'KR_HOST_REFUSED',
      detail: expect.stringMatching(reason),
    });
  });

  it('refuses a key that a configuration file cannot hold without a doubt', async () => {
    expect((await failure(deliver(new Secret('two words\nand a line')))).code).toBe('KR_HOST_REFUSED');
  });

  it('removes what a killed writer left behind, since it may hold a key', async () => {
    writeFileSync(beside('.rekey-new-1234'), next.reveal());
    await deliver();
    expect(existsSync(beside('.rekey-new-1234'))).toBe(false);
  });

  it('says nothing of the key when it fails', async () => {
    writeFileSync(file, `api_key: "${old.reveal()}\n`);
    const { message } = await failure(deliver());
    expect(message).not.toContain(old.reveal().slice(0, 8));
  });
});

describe('two writers', () => {
  it('lose nothing of each other: another value changed meanwhile is kept', async () => {
    meanwhile = (nth) => nth === 1 && appendFileSync(file, 'added: 1\n');
    await deliver();
    expect(readFileSync(file, 'utf8')).toContain('added: 1');
    expect(held()).toBe(next.reveal());
  });

  it('one of which never stops: it is said, not fought over', async () => {
    meanwhile = (nth) => appendFileSync(file, `n${nth}: 1\n`);
    expect((await failure(deliver())).code).toBe('KR_SOURCE_CHANGING');
    expect(held()).toBe(old.reveal());
    expect(readdirSync(folder).filter((name) => name.includes('new'))).toEqual([]);
  });

  it('one of which empties the file before it writes: that is waited out', async () => {
    const whole = readFileSync(file);
    writeFileSync(file, '');
    const writing = deliver();
    await until(() => existsSync(beside('.rekey')));
    writeFileSync(file, whole);
    await writing;
    expect(held()).toBe(next.reveal());
  });

  it('of rekey take turns: the newest fence wins, whoever comes last', async () => {
    const outcomes = await Promise.allSettled(
      [3, 1, 2].map((number) => deliver(new Secret(`${number}`.repeat(32)), { number, generation: number })),
    );
    expect(outcomes[0]!.status).toBe('fulfilled');
    expect(readFileSync(file, 'utf8')).toContain('3'.repeat(32));
    expect(JSON.parse(readFileSync(beside('.rekey'), 'utf8'))).toMatchObject({
      ledgers: { l: { 'web-1': { fence: 3, generation: 3 } } },
    });
  });
});

describe('the memory of the last hand-out', () => {
  it('is written before the key: a writer killed in between cannot be overtaken by an older one', async () => {
    // The place is missing, so the write fails right after the fence was raised.
    await failure(deliver(next, { number: 9, spec: consumer({ at: 'none' }) }));
    expect((await failure(deliver(next, { number: 8 }))).code).toBe('KR_HOST_FENCED');
    expect(held()).toBe(old.reveal());
  });

  it('counts per consumer: two programs may share a file', async () => {
    await deliver(next, { number: 9 });
    await deliver(old, { number: 1, spec: { ...consumer(), name: 'web-2' } });
    expect(held()).toBe(old.reveal());
  });

  it('is not forgotten when it cannot be read', async () => {
    writeFileSync(beside('.rekey'), '{"ledgers":');
    expect(await failure(deliver())).toMatchObject({
      code: 'KR_HOST_REFUSED',
      detail: expect.stringContaining('.datadog.yaml.rekey'),
    });
    expect(held()).toBe(old.reveal());
  });
});

describe('the lock', () => {
  const lock = (holder: object) =>
    writeFileSync(
      beside('.rekey.lock'),
      JSON.stringify({ token: 't', host: hostname(), pid: process.pid, started: null, ...holder }),
    );

  it('of a dead process is broken', async () => {
    const { pid } = spawnSync('true');
    lock({ pid, started: 'once' });
    await deliver();
    expect(held()).toBe(next.reveal());
  });

  it('of a process whose number was given out again is broken', async () => {
    lock({ started: 'another boot 1' });
    await deliver();
    expect(existsSync(beside('.rekey.lock'))).toBe(false);
  });

  it('of another machine is waited for, and the file is left alone', async () => {
    lock({ host: 'elsewhere' });
    host = open('300ms');
    expect(await failure(deliver())).toMatchObject({
      code: 'KR_HOST_UNAVAILABLE',
      detail: expect.stringContaining('held by another'),
    });
    expect(held()).toBe(old.reveal());
    expect(existsSync(beside('.rekey.lock'))).toBe(true);
  });
});

describe('the commands of a consumer', () => {
  const out = () => path.join(folder, 'out');
  const apply = (command: string, request = '5s') =>
    open(request).apply(consumer({ apply: command }), new AbortController().signal);

  it('are told who asks and for whom, and see nothing of the worker', async () => {
    process.env.DD_ADMIN_API_KEY = old.reveal();
    await apply(`env > ${out()}`);
    delete process.env.DD_ADMIN_API_KEY;
    const seen = readFileSync(out(), 'utf8');
    expect(seen).toContain('REKEY_USER_AGENT=rekey/0.1.0 (here; 7)\n');
    expect(seen).toContain('REKEY_CONSUMER=web-1\n');
    expect(seen).not.toContain(old.reveal());
  });

  it.each([
    ['exit 3', 'KR_HOST_UNCLEAR', /exit code 3$/],
    ['echo started; echo "no: port 80" >&2; exit 1', 'KR_HOST_UNCLEAR', /exit code 1: no: port 80$/],
    ['kill -9 $$', 'KR_HOST_UNCLEAR', /ended by a signal/],
    ['does-not-exist-anywhere', 'KR_HOST_REFUSED', /exit code 127/],
    [`echo ${old.reveal()}; exit 1`, 'KR_HOST_UNCLEAR', /\[removed\]$/],
  ])('%s', async (command, code, detail) => {
    expect(await failure(apply(command))).toMatchObject({ code, detail: expect.stringMatching(detail) });
  });

  it('are ended at the deadline, with everything that they started', async () => {
    const error = await failure(apply(`sh -c 'sleep 600; touch ${out()}' & echo $! > ${out()}.pid; wait`, '2s'));
    expect(error.code).toBe('KR_HOST_UNCLEAR');
    const child = Number(readFileSync(`${out()}.pid`, 'utf8'));
    const gone = () => {
      try {
        return readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z ');
      } catch {
        return true;
      }
    };
    await expect.poll(gone, { timeout: 30_000 }).toBe(true);
  });

  it('may leave a service behind, which is not waited for and not ended', async () => {
    // It serves once the command was found to have ended, and gives up where that never comes.
    const service = `for try in $(seq 600); do [ -e ${out()}.go ] && touch ${out()} && exit; sleep 0.1; done`;
    await apply(`(${service}) & exit 0`, '50s');
    writeFileSync(`${out()}.go`, '');
    await expect.poll(() => existsSync(out()), { timeout: 30_000 }).toBe(true);
  });

  it('may print without end', async () => {
    await apply('head -c 3000000 /dev/zero');
  });
});

describe('an inspection', () => {
  const known = [
    { generation: 1, keyId: 'a', secret: old },
    { generation: 2, keyId: 'b', secret: next },
  ];
  const inspect = (more: object) => host.inspect(consumer(more), known, new AbortController().signal);

  it('tells the source, and that without a command nothing shows what runs', async () => {
    expect(await inspect({})).toMatchObject({ state: 'running', source: 1, instances: [], healthy: true });
    await deliver();
    expect(await inspect({})).toMatchObject({ source: 2 });
  });

  it('tells each instance', async () => {
    const confirm = { last4: 'printf "pid 7\\nAPI key ending with: 1111\\npid 8\\nAPI key ending with: 11ff\\n"' };
    expect((await inspect({ confirm })).instances).toEqual([
      { id: '7', generation: 1, evidence: 'uses' },
      { id: '8', generation: 2, evidence: 'uses' },
    ]);
  });

  it.each([
    [
      { last4: `echo key ${old.reveal()}; exit 4` },
      { state: 'failing', healthy: false, detail: 'the confirm command ended with exit code 4: key [removed]' },
    ],
    [{ last4: 'echo Agent is starting' }, { state: 'stopped', healthy: true, instances: [] }],
    [{ fingerprint: `echo fingerprint ${next.fingerprint}` }, { instances: [{ id: '#1', generation: 2, evidence: 'uses' }] }],
  ])('%j', async (confirm, expected) => {
    expect(await inspect({ confirm })).toMatchObject(expected);
  });

  it('of a file that is not there is an answer', async () => {
    expect(await inspect({ file: '/does/not/exist' })).toMatchObject({
      state: 'failing',
      healthy: false,
      source: null,
      instances: [],
    });
  });

  it('of a command that never ends is not', async () => {
    host = open('200ms');
    expect((await failure(inspect({ confirm: { last4: 'sleep 20' } }))).code).toBe('KR_HOST_UNAVAILABLE');
  });
});
