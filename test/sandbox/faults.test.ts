import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CTL, datadogHeaders, type RunningSandbox, request, startSandbox, until, WORKER } from './support.js';

let sandbox: RunningSandbox;

/** What fetch says of a connection that breaks, and of one that it gave up itself. */
const BROKEN = 'fetch failed';
const GAVE_UP = /timeout/;

beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox.remove());
afterEach(() => sandbox.tell('DELETE', '/faults'));

const plant = async (fault: object): Promise<string> =>
  (await sandbox.tell('POST', '/faults', { vendor: 'datadog', ...fault })).id;
const names = async (): Promise<string[]> =>
  (await sandbox.tell('GET', '/keys?vendor=datadog')).map((key: { name: string }) => key.name);

function create(name: string, { userAgent = WORKER, patience = 2000 } = {}): Promise<{ status: number }> {
  const { url } = sandbox.vendors.datadog;
  const headers = { ...datadogHeaders(sandbox.vendors), 'user-agent': userAgent, 'content-type': 'application/json' };
  const body = JSON.stringify({ data: { type: 'api_keys', attributes: { name } } });
  return fetch(`${url}/api/v2/api_keys`, { method: 'POST', headers, body, signal: AbortSignal.timeout(patience) });
}

describe('a fault', () => {
  it('before: the connection breaks and nothing has happened', async () => {
    await plant({ when: 'before', action: 'drop', method: 'post' });
    await expect(create('dropped-before')).rejects.toThrow(BROKEN);
    expect(await names()).not.toContain('dropped-before');
    expect((await create('second try')).status).toBe(201);
  });

  it('after: the connection breaks and it has happened', async () => {
    const id = await plant({ when: 'after', action: 'drop' });
    await expect(create('dropped-after')).rejects.toThrow(BROKEN);
    expect(await names()).toContain('dropped-after');
    const rows = await sandbox.tell('GET', '/requests?vendor=datadog');
    expect(rows.filter((row: { fault?: string }) => row.fault === id)).toMatchObject([
      { status: 0, handled: 201, from: 'rekey', pid: 4194303 },
    ]);
  });

  it('can answer anything in place of the vendor, headers too', async () => {
    await plant({ action: 'status', status: 429, headers: { 'retry-after': '7' }, bodyText: '{"errors":["slow down"]}' });
    const reply = (await create('limited')) as Response;
    expect(reply.status).toBe(429);
    expect(reply.headers.get('retry-after')).toBe('7');
    expect(await reply.json()).toEqual({ errors: ['slow down'] });
    expect(await names()).not.toContain('limited');
  });

  it('can change the answer of what has happened', async () => {
    await plant({ when: 'after', action: 'status', status: 502 });
    expect((await create('gateway')).status).toBe(502);
    expect(await names()).toContain('gateway');
  });

  it('can keep silent until the caller gives up', async () => {
    await plant({ action: 'hang' });
    await expect(create('hung', { patience: 300 })).rejects.toThrow(GAVE_UP);
    expect(await names()).not.toContain('hung');
  });

  it('can take its time', async () => {
    await plant({ action: 'delay', delayMs: 400 });
    const began = Date.now();
    expect((await create('late')).status).toBe(201);
    expect(Date.now() - began).toBeGreaterThanOrEqual(400);
  });

  it('can keep a request although its caller has gone, and let it through later', async () => {
    const id = await plant({ action: 'hold', body: 'held' });
    await expect(create('held', { patience: 300 })).rejects.toThrow(GAVE_UP);
    expect(await names()).not.toContain('held');
    expect((await sandbox.tell('GET', '/faults'))[0]).toMatchObject({ hits: 1, left: 0, held: 1 });
    expect(await sandbox.tell('POST', `/faults/${id}/release`)).toEqual({ released: 1 });
    await until('the effect', async () => (await names()).includes('held'));
  });

  it('can keep a reply', async () => {
    const id = await plant({ when: 'after', action: 'hold' });
    const answer = create('reply-held', { patience: 5000 });
    await until('the effect', async () => (await names()).includes('reply-held'));
    await sandbox.tell('POST', `/faults/${id}/release`);
    expect((await answer).status).toBe(201);
  });

  it('can hold a request until its caller has gone and another one has acted in its place', async () => {
    await plant({ action: 'hold', until: 'repeated' });
    const first = create('first', { patience: 600 });
    const gone = expect(first).rejects.toThrow(GAVE_UP);
    await until('held', async () => (await sandbox.tell('GET', '/faults'))[0].held === 1);
    // Its caller still waits: what acts now acts beside it, not in its place.
    expect((await create('beside')).status).toBe(201);
    expect(await names()).not.toContain('first');
    await gone;
    expect(await names()).not.toContain('first');
    expect((await create('successor')).status).toBe(201);
    await until('the late effect', async () => (await names()).includes('first'));
  });

  it('can let so many requests pass first', async () => {
    await plant({ action: 'drop', body: 'counted', skip: 2 });
    for (const name of ['counted-1', 'other', 'counted-2']) expect((await create(name)).status).toBe(201);
    await expect(create('counted-3')).rejects.toThrow(BROKEN);
    expect((await create('counted-4')).status).toBe(201);
  });

  it('can sleep until rekey has asked for so many different changes', async () => {
    // What does not match is not counted.
    await plant({ action: 'drop', body: 'asleep', after: { vendors: ['datadog'], path: 'nobody asks', changes: 1 } });
    await plant({ action: 'drop', body: 'asleep', after: { vendors: ['datadog'], path: 'api_keys', changes: 2 } });
    const { url } = sandbox.vendors.datadog;
    const ask = (method: string, id = '') =>
      request(method, `${url}/api/v2/api_keys${id}`, { ...datadogHeaders(sandbox.vendors), 'user-agent': WORKER });
    for (let i = 0; i < 3; i++) expect((await ask('GET')).status).toBe(200);
    // The second is the first one again, as far as a door can tell.
    for (const name of ['asleep-1', 'asleep-2']) expect((await create(name)).status).toBe(201);
    expect((await ask('DELETE', '/00000000-0000-4000-8000-000000000000')).status).toBe(404);
    await expect(create('asleep-3')).rejects.toThrow(BROKEN);
  });

  it('that is cleared drops what it holds, without its effect', async () => {
    await plant({ action: 'hold' });
    const answer = create('cleared');
    // It may break before anybody waits for it below; that is what is expected, and no fault of the
    // test.
    answer.catch(() => undefined);
    await until('held', async () => (await sandbox.tell('GET', '/faults'))[0].held === 1);
    await sandbox.tell('DELETE', '/faults');
    await expect(answer).rejects.toThrow(BROKEN);
    expect(await names()).not.toContain('cleared');
  });

  it('can kill the worker that asks, and nobody else', async () => {
    const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const bystander = spawn('sleep', ['60']);
    const ended = once(worker, 'exit');
    await plant({ action: 'kill-worker', times: 3 });
    const as = (host: string, pid: number | undefined) => create('killer', { userAgent: `rekey/0.1.0 (${host}; ${pid})` });
    await expect(as('elsewhere', worker.pid)).rejects.toThrow(BROKEN);
    await expect(as(hostname(), bystander.pid)).rejects.toThrow(BROKEN);
    expect([worker.signalCode, bystander.signalCode]).toEqual([null, null]);
    await expect(as(hostname(), worker.pid)).rejects.toThrow(BROKEN);
    expect((await ended)[1]).toBe('SIGKILL');
    bystander.kill();
  });

  it('never hits the apps', async () => {
    await plant({ action: 'drop', times: 100 });
    const before = (await sandbox.traffic('web-1')).accepted;
    await until('traffic', async () => (await sandbox.traffic('web-1')).accepted > before + 5);
    expect((await create('by a person', { userAgent: 'curl/8' })).status).toBe(201);
    expect((await sandbox.tell('GET', '/faults'))[0].hits).toBe(0);
  });

  it('hits the commands that rekey runs on a machine', async () => {
    await plant({ vendor: 'host', method: 'POST', path: '/hosts/apps/web-1/restart', action: 'drop' });
    const run = async (env: Record<string, string>) => {
      const command = spawn(process.execPath, [CTL, sandbox.control, 'restart', 'web-1'], { env });
      return (await once(command, 'exit'))[0] as number;
    };
    expect(await run({ REKEY_USER_AGENT: WORKER })).toBe(1);
    expect(await run({ REKEY_USER_AGENT: WORKER })).toBe(0);
    const rows = await sandbox.tell('GET', '/requests?vendor=host');
    expect(rows.map((row: { status: number; from: string }) => [row.status, row.from])).toEqual([
      [0, 'rekey'],
      [200, 'rekey'],
    ]);
  });

  it.each([
    ['an unknown action', { action: 'explode' }],
    ['an unknown field', { action: 'drop', tymes: 3 }],
    ['a broken expression', { action: 'drop', path: '(' }],
  ])('with %s is refused', async (_what, fault) => {
    const reply = await sandbox.ask('POST', '/faults', { vendor: 'datadog', ...fault });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toEqual(expect.any(String));
  });
});

it('keeps no secret in the record of requests', async () => {
  const { url, management } = sandbox.vendors.datadog;
  await request('GET', `${url}/api/v1/validate?api_key=${management.apiKey}`, {});
  const text = JSON.stringify(await sandbox.tell('GET', '/requests'));
  expect(text).toContain('/api/v1/validate?api_key=<redacted>');
  for (const { value } of await sandbox.tell('GET', '/keys')) expect(text).not.toContain(value);
});

it('shows of the requests those that are asked for, and takes no other question', async () => {
  for (let asks = 2; asks > 0; asks--)
    await request('GET', `${sandbox.vendors.datadog.url}/api/v1/validate`, { 'user-agent': WORKER });
  const ids = async (query: string) => (await sandbox.tell('GET', `/requests?vendor=datadog&from=rekey${query}`)).map(idOf);
  const all: readonly number[] = await ids('');
  expect(all.length).toBeGreaterThan(1);
  expect(await ids('&last=1')).toEqual(all.slice(-1));
  expect(await ids(`&after=${all.at(-2)}`)).toEqual(all.slice(-1));
  for (const query of ['last=0', 'after=x', 'from=nobody', 'since=1'])
    expect(await sandbox.ask('GET', `/requests?${query}`)).toMatchObject({ status: 400 });
});

const idOf = ({ id }: { id: number }): number => id;
