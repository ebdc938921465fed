import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CTL, datadogHeaders, type RunningSandbox, request, startIdleSandbox, until, type Vendors } from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('datadog', 'soar');
});
afterAll(() => sandbox.remove());
beforeEach(async () => {
  vendors = await sandbox.reset({ programs: ['web-1', 'web-2', 'legacy', 'reporter'] });
});

const ctl = (verb: string, app: string) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CTL, sandbox.control, verb, app], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

async function newKey(): Promise<string> {
  const reply = await request('POST', `${vendors.datadog.url}/api/v2/api_keys`, datadogHeaders(vendors), {
    data: { type: 'api_keys', attributes: { name: 'next' } },
  });
  await sleep(1000); // the slowest front end knows it after 900 ms
  return reply.body.data.attributes.key;
}

function replaceKey(app: string, file: string, key: string): void {
  const where = path.join(sandbox.home, 'hosts', app, file);
  writeFileSync(where, readFileSync(where, 'utf8').replace(/[0-9a-f]{32}/, key));
}

describe('an agent', () => {
  it.each([
    ['web-1', 'datadog.yaml'],
    ['legacy', 'datadog.conf'],
  ])('(%s) reads its file at start only, and shows the end of its key', async (app, file) => {
    const before = await sandbox.traffic(app);
    const key = await newKey();
    replaceKey(app, file, key);
    await sleep(200);
    expect((await sandbox.traffic(app)).fingerprint).toBe(before.fingerprint);
    expect(ctl('restart', app)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(ctl('status', app).stdout).toMatch(
      new RegExp(`^Agent \\(v\\d+\\.\\S+\\) pid \\d+ started 20\\S+Z\\n  API key ending with: ${key.slice(-5)}\\n$`),
    );
    const after = await sandbox.traffic(app);
    expect(after).toMatchObject({ refused: 0, lost: 0 });
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(after.downMs).toBeGreaterThan(200);
  });

  it('does not come up from a file that it cannot read, and comes up when that is mended', async () => {
    const file = path.join(sandbox.home, 'hosts', 'web-2', 'datadog.yaml');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, 'api_key: "unfinished\n');
    expect(ctl('restart', 'web-2')).toMatchObject({ status: 1, stderr: expect.stringContaining('exit code 1') });
    writeFileSync(file, good);
    await until('started again by its service manager', () => ctl('status', 'web-2').stdout.includes('API key ending with'));
  });

  it('refuses to come back when that was planted, and says so', async () => {
    await sandbox.tell('POST', '/apps/web-1/refuse-start', { on: true });
    expect(ctl('restart', 'web-1').status).toBe(1);
    await until('no process', () => ctl('status', 'web-1').status === 3);
    await sandbox.tell('POST', '/apps/web-1/refuse-start', { on: false });
    expect(ctl('restart', 'web-1').status).toBe(0);
  });

  it('shows every instance, also one that an autoscaler started later', async () => {
    await sandbox.tell('POST', '/apps/web-1/instances', { count: 3 });
    expect(ctl('status', 'web-1').stdout.match(/^Agent /gm)).toHaveLength(3);
    expect(ctl('restart', 'web-1').status).toBe(0);
    expect(ctl('status', 'web-1').stdout.match(/API key ending with/g)).toHaveLength(3);
  });

  it('is started again after a crash, from its file', async () => {
    const key = await newKey();
    replaceKey('web-1', 'datadog.yaml', key);
    await sandbox.tell('POST', '/apps/web-1/crash');
    await until('on the new key', () => ctl('status', 'web-1').stdout.includes(`API key ending with: ${key.slice(-5)}`));
    expect(await sandbox.traffic('web-1')).toMatchObject({ refused: 0, lost: 0 });
  });
});

describe('the reporter', () => {
  it('takes a new key without a restart, and shows its fingerprint', async () => {
    const before = ctl('status', 'reporter').stdout;
    expect(before).toMatch(/^instance pid \d+ started 20\S+Z fingerprint [a-z2-7]{12}\n$/);
    replaceKey('reporter', '.env', await newKey());
    await until('another fingerprint', () => ctl('status', 'reporter').stdout !== before);
    const after = ctl('status', 'reporter').stdout;
    expect(after.replace(/fingerprint.*/, '')).toBe(before.replace(/fingerprint.*/, ''));
    expect(await sandbox.traffic('reporter')).toMatchObject({
      refused: 0,
      lost: 0,
      downMs: 0,
      fingerprint: after.trim().slice(-12),
    });
  });
});

describe('the commands of a machine', () => {
  it('fail for a service that is not there', () => {
    expect(ctl('restart', 'nobody')).toMatchObject({ status: 1, stderr: expect.stringContaining('No service nobody') });
    expect(ctl('status', 'enrichment').status).toBe(1);
  });
});

it('can be given marked credentials at a reset', async () => {
  const marked = await sandbox.reset({
    programs: ['enrichment'],
    management: {
      datadog: { apiKey: 'a'.repeat(32), applicationKey: 'b'.repeat(40) },
      soar: { keySecret: 'MARK-soar-management-0001' },
    },
    keys: { datadog: 'c'.repeat(32), soar: 'MARK-soar-key-0000000001' },
  });
  expect(marked.datadog.management).toEqual({ apiKey: 'a'.repeat(32), applicationKey: 'b'.repeat(40) });
  expect(marked.soar.management.keySecret).toBe('MARK-soar-management-0001');
  const values = (await sandbox.tell('GET', '/keys')).map((key: { value: string }) => key.value);
  expect(values).toEqual(expect.arrayContaining(['c'.repeat(32), 'MARK-soar-key-0000000001']));
  await until('traffic', async () => (await sandbox.traffic('enrichment')).accepted > 0);
  expect((await sandbox.ask('POST', '/reset', { keys: { datadog: 'short' } })).status).toBe(400);
  expect((await sandbox.ask('POST', '/reset', { keys: { nobody: 'x' } })).status).toBe(400);
});

it('is not reset for programs that it does not have', async () => {
  // Programs go on using their keys meanwhile.
  const keys = async () => {
    const shown = (await sandbox.tell('GET', '/keys')) as { id: string; state: string }[];
    return shown.map(({ id, state }) => `${id} ${state}`);
  };
  const before = await keys();
  const refused = await sandbox.ask('POST', '/reset', { programs: ['web-1', 'web-9'] });
  expect(refused).toMatchObject({ status: 400, body: { error: expect.stringMatching(/web-9.*; there are .*web-1, web-2/) } });
  expect(await keys()).toEqual(before);
});
