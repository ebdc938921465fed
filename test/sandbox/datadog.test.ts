import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { datadogHeaders, type Reply, type RunningSandbox, request, startIdleSandbox, until, type Vendors } from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('datadog');
  vendors = sandbox.current();
});
afterAll(() => sandbox.remove());

async function freshAccount(...programs: string[]): Promise<void> {
  vendors = await sandbox.reset({ programs });
}

const api = (method: string, where: string, body?: unknown) =>
  request(method, `${vendors.datadog.url}${where}`, datadogHeaders(vendors), body);
const wanted = (name: string) => ({ data: { type: 'api_keys', attributes: { name } } });
const make = async (name: string) => (await api('POST', '/api/v2/api_keys', wanted(name))).body.data;
const validate = (key: string, door = vendors.datadog.url) => request('GET', `${door}/api/v1/validate`, { 'dd-api-key': key });
const send = (key: string, host = 'nobody') =>
  request(
    'POST',
    `${vendors.datadog.intakeUrl}/api/v1/series`,
    { 'dd-api-key': key },
    { series: [{ metric: 'm', points: [[1, 1]], host }] },
  );

/** Asks as often as it takes to meet every front end. */
async function everywhere(question: () => Promise<Reply>): Promise<number[]> {
  const replies: number[] = [];
  for (let i = 0; i < 5; i++) replies.push((await question()).status);
  return [...new Set(replies)];
}

describe('what Datadog answers', () => {
  const UNKNOWN = '00000000-0000-4000-8000-000000000000';
  const rows: Array<[what: string, source: string, ask: () => Promise<Reply>, status: number, body?: unknown]> = [
    ['a create', 'client: KeyManagementApi', () => api('POST', '/api/v2/api_keys', wanted('new')), 201],
    ['a list', 'client: KeyManagementApi', () => api('GET', '/api/v2/api_keys'), 200],
    ['an unknown id', 'cassettes', () => api('GET', `/api/v2/api_keys/${UNKNOWN}`), 404, { errors: ['API key not found'] }],
    ['an ill-formed id', 'cassettes', () => api('DELETE', '/api/v2/api_keys/x'), 404, { errors: ['API key not found'] }],
    ['a body that is no JSON', 'client: 400', () => api('POST', '/api/v2/api_keys', '{'), 400],
    ['a body without type', 'client: 400', () => api('POST', '/api/v2/api_keys', { data: { attributes: { name: 'a' } } }), 400],
    [
      'a name that is taken',
      'docs: names are unique; status assumed',
      () => api('POST', '/api/v2/api_keys', wanted('agents')),
      400,
    ],
    ['an order that is none', 'client: APIKeysSort; status assumed', () => api('GET', '/api/v2/api_keys?sort=age'), 400],
    ['a page above 100', 'client: maximum is 100; status assumed', () => api('GET', '/api/v2/api_keys?page%5Bsize%5D=101'), 400],
    ['validate v1', 'client', () => validate(vendors.datadog.management.apiKey), 200, { valid: true }],
    ['validate v1, bad key', 'cassettes', () => validate('0'.repeat(32)), 403, { errors: ['Forbidden'] }],
    [
      'validate v1, no key',
      'cassettes',
      () => request('GET', `${vendors.datadog.url}/api/v1/validate`, {}),
      403,
      { errors: ['API key required'] },
    ],
    ['validate_keys', 'client', () => api('GET', '/api/v2/validate_keys'), 200, { status: 'ok' }],
    [
      'management by API key alone',
      'docs',
      () => request('GET', `${vendors.datadog.url}/api/v2/api_keys`, { 'dd-api-key': vendors.datadog.management.apiKey }),
      403,
    ],
    ['intake, well-formed key of nobody', 'node-dogapi #71', () => send('0123456789abcdef'.repeat(2)), 202],
    ['intake, ill-formed key', 'node-dogapi #71', () => send('short'), 403],
  ];
  it.each(rows)('%s (%s)', async (_what, _source, ask, status, body) => {
    const reply = await ask();
    expect(reply.status).toBe(status);
    if (body) expect(reply.body).toEqual(body);
    else if (status >= 400) expect(reply.body.errors).toEqual([expect.any(String)]);
  });
});

describe('a Datadog key', () => {
  beforeEach(() => freshAccount());

  it('can be read again, is deleted with 204 and is then unknown', async () => {
    const made = await make('one');
    expect(made).toMatchObject({ type: 'api_keys', attributes: { name: 'one', key: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(made.attributes).not.toHaveProperty('date_last_used');
    const read = (await api('GET', `/api/v2/api_keys/${made.id}`)).body.data;
    expect(read.attributes.key).toBe(made.attributes.key);
    expect(read.attributes.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    expect((await api('DELETE', `/api/v2/api_keys/${made.id}`)).status).toBe(204);
    expect((await api('DELETE', `/api/v2/api_keys/${made.id}`)).status).toBe(404);
  });

  it('shows its value to nobody in a list, nor when it is managed', async () => {
    const list = (await api('GET', '/api/v2/api_keys?filter=azure')).body;
    expect(list.data).toHaveLength(1);
    expect(list.data[0].attributes).not.toHaveProperty('key');
    const managed = (await api('GET', `/api/v2/api_keys/${list.data[0].id}`)).body.data;
    expect(managed.attributes).not.toHaveProperty('key');
    expect((await api('PATCH', `/api/v2/api_keys/${managed.id}`, { data: { ...wanted('x').data, id: managed.id } })).status).toBe(
      400,
    );
  });

  it('is found by part of its name, in pages, in order', async () => {
    for (const name of ['rekey-b', 'rekey-a', 'rekey-c']) await make(name);
    const page = (await api('GET', '/api/v2/api_keys?filter=rekey-&sort=-name&page%5Bsize%5D=2&page%5Bnumber%5D=0')).body;
    expect(page.data.map((key: { attributes: { name: string } }) => key.attributes.name)).toEqual(['rekey-c', 'rekey-b']);
    expect(page.meta).toEqual({ max_allowed: 50, page: { total_filtered_count: 3 } });
  });

  it('is refused beyond the limit, to which managed keys do not count', async () => {
    await sandbox.tell('POST', '/vendors/datadog/limits', { maxKeys: 5 });
    expect((await api('POST', '/api/v2/api_keys', wanted('fifth'))).status).toBe(201);
    expect((await api('POST', '/api/v2/api_keys', wanted('sixth'))).status).toBe(400);
  });

  it('cannot be deleted when it is the last', async () => {
    const keys = (await api('GET', '/api/v2/api_keys')).body.data as Array<{ id: string; attributes: { name: string } }>;
    const own = keys.find(({ attributes }) => attributes.name === 'rekey management')!;
    for (const key of keys) if (key !== own) expect((await api('DELETE', `/api/v2/api_keys/${key.id}`)).status).toBe(204);
    expect((await api('DELETE', `/api/v2/api_keys/${own.id}`)).status).toBe(400);
  });

  it('becomes known and forgotten at each front end in its own time, at both doors', async () => {
    const { id, attributes } = await make('spreading');
    expect(await everywhere(() => validate(attributes.key))).toContain(403);
    for (const door of [vendors.datadog.url, vendors.datadog.intakeUrl]) {
      await until('known everywhere', async () => (await everywhere(() => validate(attributes.key, door))).join() === '200');
    }
    await api('DELETE', `/api/v2/api_keys/${id}`);
    expect(await everywhere(() => validate(attributes.key))).toContain(200);
    await until('forgotten everywhere', async () => (await everywhere(() => validate(attributes.key))).join() === '403');
  });

  it('comes back only by hand, with its id and value', async () => {
    const { id, attributes } = await make('mistake');
    await api('DELETE', `/api/v2/api_keys/${id}`);
    await sandbox.tell('POST', `/vendors/datadog/unrevoke/${id}`);
    expect((await api('GET', `/api/v2/api_keys/${id}`)).body.data.attributes.key).toBe(attributes.key);
    await until('known again', async () => (await everywhere(() => validate(attributes.key))).join() === '200');
  });

  it('shows its last use late, and validate v2 tells which key it is', async () => {
    const { id, attributes } = await make('used');
    await until('known everywhere', async () => (await everywhere(() => validate(attributes.key))).join() === '200');
    const used = async () => (await api('GET', `/api/v2/api_keys/${id}`)).body.data.attributes.date_last_used;
    await until('published', async () => (await used()) !== null);
    const who = await request('GET', `${vendors.datadog.url}/api/v2/validate`, { 'dd-api-key': attributes.key });
    expect(who.body.data).toMatchObject({ type: 'validate_v2', attributes: { valid: true, api_key_id: id } });
  });

  it('has the planted value when one was planted, and a value that Datadog could not make is refused', async () => {
    const value = 'feed'.repeat(8);
    await sandbox.tell('POST', '/keys/next', { vendor: 'datadog', value });
    expect((await make('planted')).attributes.key).toBe(value);
    expect((await sandbox.ask('POST', '/keys/next', { vendor: 'datadog', value: 'nonsense' })).status).toBe(400);
  });
});

describe("Datadog's rate limit", () => {
  beforeEach(() => freshAccount());

  it('answers 429 with the time to wait', async () => {
    await sandbox.tell('POST', '/vendors/datadog/limits', { ratePerPeriod: 3, periodMs: 60_000 });
    let reply = await api('GET', '/api/v2/api_keys');
    for (let i = 0; i < 4 && reply.status === 200; i++) reply = await api('GET', '/api/v2/api_keys');
    expect(reply.status).toBe(429);
    expect(Number(reply.headers.get('x-ratelimit-reset'))).toBeGreaterThan(0);
    expect(reply.headers.get('x-ratelimit-remaining')).toBe('0');
  });
});

describe('traffic with a Datadog key', () => {
  beforeEach(() => freshAccount('web-1'));

  it('counts as refused and lost from the moment of the revocation, also where it is still answered 202', async () => {
    const first = (await sandbox.tell('GET', '/keys?vendor=datadog'))[0];
    await until('sent', async () => (await sandbox.traffic('web-1')).accepted > 5);
    await api('DELETE', `/api/v2/api_keys/${first.id}`);
    await sandbox.tell('POST', '/traffic/stop');
    expect((await send(first.value, 'web-1')).status).toBe(202);
    const row = await sandbox.traffic('web-1');
    expect(row.lost).toBeGreaterThanOrEqual(1);
    expect(row.refused).toBe(row.lost);
    expect(row.sent).toBe(row.accepted + row.refused);
    await until('403', async () => (await everywhere(() => send(first.value))).join() === '403');
  });

  it('is lost with a key that the front end does not know yet', async () => {
    await sandbox.tell('POST', '/traffic/stop');
    const { attributes } = await make('too early');
    const before = await sandbox.traffic('web-1');
    expect((await send(attributes.key, 'web-1')).status).toBe(202);
    expect((await sandbox.traffic('web-1')).lost).toBe(before.lost + 1);
  });
});
