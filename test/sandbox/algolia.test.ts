import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { algoliaHeaders, type Reply, type RunningSandbox, request, startIdleSandbox, until, type Vendors } from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('algolia');
  vendors = sandbox.current();
});
afterAll(() => sandbox.remove());

async function freshApplication(...programs: string[]): Promise<void> {
  vendors = await sandbox.reset({ programs });
}

const hosts = ['write', 'dsn', '1', '2', '3'] as const;
type Host = (typeof hosts)[number];
const referer = { referer: 'https://shop.example.com/' };
const at = (host: Host, method: string, where: string, key?: string, body?: unknown, headers = {}) =>
  request(method, `${vendors.algolia.hosts[host]}${where}`, { ...algoliaHeaders(vendors, key), ...headers }, body);
const api = (method: string, where: string, body?: unknown) => at('write', method, where, undefined, body);
const make = async (rights: object = {}): Promise<string> =>
  (await api('POST', '/1/keys', { acl: ['search'], ...rights })).body.key;
const read = async (key: string) => (await api('GET', `/1/keys/${key}`)).body;
const itself = (host: Host, key: string) => at(host, 'GET', `/1/keys/${key}`, key);
const search = (key: string, index = 'products', headers = {}) =>
  at('write', 'POST', `/1/indexes/${index}/query`, key, { query: 'lamp' }, headers);
const everywhere = async (status: number, key: string) =>
  (await Promise.all(hosts.map((host) => itself(host, key)))).every((reply) => reply.status === status);
const named = async (name: string): Promise<string> =>
  (await sandbox.tell('GET', '/keys?vendor=algolia')).find((row: { name: string }) => row.name === name).value;
const secured = (parent: string, restrictions: string) =>
  Buffer.from(createHmac('sha256', parent).update(restrictions).digest('hex') + restrictions).toString('base64');

const nobody = '0'.repeat(32);
const dead = { message: 'Invalid Application-ID or API key', status: 403 };
const weak = { message: 'Method not allowed with this API key', status: 403 };
const absent = { message: 'Key does not exist', status: 404 };

describe('what Algolia answers', () => {
  const spec = 'api-clients-automation: specs/search/paths/keys';
  const rows: Array<[what: string, source: string, ask: () => Promise<Reply>, status: number, body?: unknown]> = [
    ['a list', spec, () => api('GET', '/1/keys'), 200],
    ['a create', spec, () => api('POST', '/1/keys', { acl: ['search'] }), 200],
    ['a create without acl', `${spec}: required`, () => api('POST', '/1/keys', { description: 'x' }), 400],
    ['a create with the right `admin`', 'client: Acl', () => api('POST', '/1/keys', { acl: ['admin'] }), 400],
    ['an unknown field', `${spec}: additionalProperties`, () => api('POST', '/1/keys', { acl: ['search'], colour: 1 }), 400],
    ['a body that is no JSON', 'assumed', () => api('POST', '/1/keys', '{'), 400],
    [
      'a restriction to sources that excludes its maker',
      'client: ApiKey.queryParameters; status assumed',
      () => api('POST', '/1/keys', { acl: ['search'], queryParameters: 'restrictSources=192.0.2.0%2F24' }),
      400,
    ],
    ['an absent key, read', `${spec}; text assumed`, () => api('GET', `/1/keys/${nobody}`), 404, absent],
    ['an absent key, updated', spec, () => api('PUT', `/1/keys/${nobody}`, { acl: ['search'] }), 404, absent],
    ['an absent key, deleted', spec, () => api('DELETE', `/1/keys/${nobody}`), 404, absent],
    ['an absent key, restored', `${spec}; text assumed`, () => api('POST', `/1/keys/${nobody}/restore`), 404, absent],
    ['a key that never was, as credential', "clients' tests", () => itself('write', nobody), 403, dead],
    [
      'another application',
      "clients' tests",
      () => at('write', 'GET', '/1/keys', undefined, undefined, { 'x-algolia-application-id': 'OTHER' }),
      403,
      dead,
    ],
    [
      'management by a key without `admin`',
      "clients' tests",
      async () => at('write', 'GET', '/1/keys', await named('Search-only API Key')),
      403,
      weak,
    ],
    [
      'a key that reads another',
      spec,
      async () => at('write', 'GET', `/1/keys/${await named('indexer')}`, await named('Search-only API Key')),
      403,
      weak,
    ],
    [
      'a key without `search` that reads itself',
      'client: getApiKey needs `search`',
      async () => itself('write', await named('indexer')),
      403,
      weak,
    ],
    ['a search with a key that may only write', "clients' tests", async () => search(await named('indexer')), 403, weak],
    [
      'a search beyond the indices of the key',
      "clients' tests",
      async () => search(await named('storefront'), 'orders', referer),
      403,
      { message: 'Index not allowed with this API key', status: 403 },
    ],
    [
      'a search from another site than the key is for',
      'API key restrictions; text assumed',
      async () => search(await named('storefront')),
      403,
      { message: 'Referer not allowed with this API key', status: 403 },
    ],
    [
      'a search within all of its limits',
      'client: searchSingleIndex',
      async () => search(await named('storefront'), 'products', referer),
      200,
    ],
    ['a change of the admin key', 'assumed', () => api('DELETE', `/1/keys/${vendors.algolia.management.adminKey}`), 403, weak],
    [
      'a parameter that nobody knows',
      'clients send x-algolia-agent',
      () => api('GET', '/1/keys?x-algolia-agent=a&colour=red'),
      200,
    ],
    [
      'the key in the address',
      "client: authMode 'WithinQueryParameters'",
      () =>
        request(
          'GET',
          `${vendors.algolia.url}/1/keys?x-algolia-api-key=${vendors.algolia.management.adminKey}&x-algolia-application-id=${vendors.algolia.appId}`,
          {},
        ),
      200,
    ],
    [
      'JSON that is sent as text',
      'client: content-type text/plain',
      () => at('write', 'POST', '/1/keys', undefined, { acl: [] }, { 'content-type': 'text/plain' }),
      200,
    ],
    [
      'logs for a key without that right',
      'specs/search/paths/advanced/getLogs.yml',
      async () => at('write', 'GET', '/1/logs', await named('Search-only API Key')),
      403,
      weak,
    ],
  ];
  it.each(rows)('%s (%s)', async (_what, _source, ask, status, body) => {
    const reply = await ask();
    expect(reply.status).toBe(status);
    if (body) expect(reply.body).toEqual(body);
    else if (status >= 400) expect(reply.body).toEqual({ message: expect.any(String), status });
  });
});

describe('an Algolia key', () => {
  beforeEach(() => freshApplication());

  it('is its own id, and has two names and two kinds of date', async () => {
    const made = (await api('POST', '/1/keys', { acl: ['search'], description: 'one' })).body;
    expect(made).toEqual({
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(await read(made.key)).toEqual({
      value: made.key,
      createdAt: Date.parse(made.createdAt),
      acl: ['search'],
      description: 'one',
      indexes: [],
      maxHitsPerQuery: 0,
      maxQueriesPerIPPerHour: 0,
      queryParameters: '',
      referers: [],
      validity: 0,
    });
    expect((await api('DELETE', `/1/keys/${made.key}`)).body).toEqual({ deletedAt: expect.stringMatching(/Z$/) });
    const { id } = (await sandbox.tell('GET', '/keys?vendor=algolia')).find((row: { value: string }) => row.value === made.key);
    expect(id).toBe(createHash('sha256').update(`rekey:id:v1:${made.key}`).digest('hex'));
  });

  it('falls open by whatever an update leaves out', async () => {
    const key = await make({
      indexes: ['products'],
      referers: ['*shop*'],
      queryParameters: 'filters=a',
      validity: 3600,
      maxHitsPerQuery: 5,
    });
    expect((await api('PUT', `/1/keys/${key}`, { acl: ['search', 'browse'] })).body).toMatchObject({
      key,
      updatedAt: expect.any(String),
    });
    expect(await read(key)).toMatchObject({
      acl: ['search', 'browse'],
      indexes: [],
      referers: [],
      queryParameters: '',
      validity: 0,
      maxHitsPerQuery: 0,
    });
  });

  it('shows how long it has left, and is gone after that', async () => {
    const key = await make({ validity: 2 });
    expect((await read(key)).validity).toBe(2);
    await until('time to pass', async () => (await read(key)).validity === 1);
    await until('its end', async () => (await itself('write', key)).status === 403);
    expect(await read(key)).toEqual(absent);
  });

  it('hides its description from itself', async () => {
    const key = await make({ description: 'secret plans', indexes: ['products'] });
    expect((await itself('write', key)).body).toMatchObject({ value: key, description: '<redacted>', indexes: ['products'] });
  });

  it('becomes known and forgotten at each host in its own time', async () => {
    const key = await make();
    expect((await itself('write', key)).status).toBe(200);
    const others = await Promise.all(hosts.slice(1).map((host) => itself(host, key)));
    expect(others.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    await until('known everywhere', () => everywhere(200, key));
    await api('DELETE', `/1/keys/${key}`);
    expect((await itself('write', key)).body).toEqual(dead);
    expect((await Promise.all(hosts.map((host) => itself(host, key)))).map(({ status }) => status)).toContain(200);
    await until('forgotten everywhere', () => everywhere(403, key));
  });

  it('can be restored only once its deletion has spread, and then never expires', async () => {
    const key = await make({ indexes: ['products'], validity: 3600 });
    const restore = () => api('POST', `/1/keys/${key}/restore`);
    const exists = { message: 'Key already exists', status: 404 };
    expect((await restore()).body).toEqual(exists);
    await until('known everywhere', () => everywhere(200, key));
    await api('DELETE', `/1/keys/${key}`);
    expect((await restore()).body).toEqual(exists);
    await until('forgotten everywhere', () => everywhere(403, key));
    expect((await restore()).body).toEqual({ key, createdAt: expect.any(String) });
    expect(await read(key)).toMatchObject({ indexes: ['products'], validity: 0 });
  });

  it('can be restored while it is among the latest that were deleted', async () => {
    await sandbox.tell('POST', '/vendors/algolia/limits', { restorable: 1 });
    const [first, second] = [await make(), await make()];
    for (const key of [first, second]) await until('known everywhere', () => everywhere(200, key));
    for (const key of [first, second]) await api('DELETE', `/1/keys/${key}`);
    await until('forgotten everywhere', async () => (await everywhere(403, first)) && (await everywhere(403, second)));
    expect((await api('POST', `/1/keys/${first}/restore`)).body).toEqual(absent);
    expect((await api('POST', `/1/keys/${second}/restore`)).status).toBe(200);
  });

  it('has its calls counted by each server for itself, and for each address', async () => {
    const key = await make({ maxQueriesPerIPPerHour: 2 });
    await until('known everywhere', async () => (await read(key)).value === key);
    const answers = [await search(key), await search(key), await search(key)].map(({ status }) => status);
    expect(answers).toEqual([200, 200, 429]);
  });

  it('has the planted value when one was planted, and a value that Algolia could not make is refused', async () => {
    const value = 'feed'.repeat(8);
    await sandbox.tell('POST', '/keys/next', { vendor: 'algolia', value });
    expect(await make()).toBe(value);
    expect((await sandbox.ask('POST', '/keys/next', { vendor: 'algolia', value: 'nonsense' })).status).toBe(400);
  });
});

describe('a secured key', () => {
  beforeEach(() => freshApplication());
  const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

  it('works without having been made anywhere, within its restrictions and those of its parent', async () => {
    const parent = await make({ indexes: ['products*'] });
    const key = secured(parent, `restrictIndices=products&validUntil=${inAnHour()}`);
    expect((await search(key)).status).toBe(200);
    expect((await search(key, 'products_old')).body.message).toBe('Index not allowed with this API key');
    expect((await search(secured(parent, 'userToken=ada'), 'orders')).status).toBe(403);
    expect((await search(secured(parent, `validUntil=${inAnHour() - 3700}`))).status).toBe(403);
    const forged = Buffer.from(`${'0'.repeat(64)}validUntil=${inAnHour()}`).toString('base64');
    expect((await search(forged)).body).toEqual(dead);
  });

  it('dies with its parent, whatever it says of its own end', async () => {
    const parent = await make();
    const key = secured(parent, `validUntil=${inAnHour()}`);
    expect((await search(key)).status).toBe(200);
    await api('DELETE', `/1/keys/${parent}`);
    expect((await search(key)).body).toEqual(dead);
  });

  it('is made from the admin key in vain', async () => {
    expect((await search(secured(vendors.algolia.management.adminKey, `validUntil=${inAnHour()}`))).status).toBe(403);
  });
});

describe('the logs of a server', () => {
  it('show its own latest requests, every key cut to three characters', async () => {
    await freshApplication();
    const key = await make();
    await search(key);
    await api('GET', `/1/keys/${key}`);
    const logs = (await at('write', 'GET', '/1/logs?length=100', await named('nightly export'))).body.logs as Array<
      Record<string, string>
    >;
    expect(JSON.stringify(logs)).not.toContain(key);
    // The programs of the sandbox ask this server, too.
    const cut = `${key.slice(0, 3)}${'*'.repeat(29)}`;
    const ours = logs.filter(({ url, query_headers }) => `${url} ${query_headers}`.includes(cut));
    expect(ours.map(({ method, answer_code }) => [method, answer_code])).toEqual([
      ['GET', '200'],
      ['POST', '200'],
    ]);
    expect(ours[1]!.query_headers).toContain(`x-algolia-api-key: ${cut}`);
    expect((await at('dsn', 'GET', '/1/logs', vendors.algolia.management.adminKey)).body.logs).not.toContainEqual(ours[1]);
    expect((await at('write', 'GET', '/1/logs?length=2', await named('nightly export'))).body.logs).toHaveLength(2);
  });
});

describe('traffic of an Algolia customer', () => {
  beforeEach(() => freshApplication('storefront', 'tokens', 'indexer'));

  it('survives a host that does not answer', async () => {
    for (const host of ['write', 'dsn']) await sandbox.tell('POST', '/vendors/algolia/hosts', { host, away: true });
    await expect(itself('dsn', nobody)).rejects.toThrow();
    for (const app of ['storefront', 'tokens', 'indexer']) {
      const { accepted } = await sandbox.traffic(app);
      await until(`${app} goes on`, async () => (await sandbox.traffic(app)).accepted > accepted + 10);
      expect(await sandbox.traffic(app)).toMatchObject({ refused: 0, lost: 0 });
    }
    for (const host of ['1', '2']) await sandbox.tell('POST', '/vendors/algolia/hosts', { host, away: true });
    expect((await sandbox.ask('POST', '/vendors/algolia/hosts', { host: '3', away: true })).status).toBe(400);
  });

  it('counts as refused and lost from the moment of the deletion, also where a host still answers', async () => {
    const key = await named('storefront');
    await until('traffic', async () => (await sandbox.traffic('tokens')).accepted > 5);
    await sandbox.tell('POST', '/traffic/stop');
    const agent = { 'x-algolia-agent': 'Algolia for JavaScript (5.64.0); storefront', ...referer };
    await api('DELETE', `/1/keys/${key}`);
    const before = await sandbox.traffic('storefront');
    const reply = await at('dsn', 'POST', '/1/indexes/products/query', key, { query: '' }, agent);
    expect(reply.status).toBe(200);
    const row = await sandbox.traffic('storefront');
    expect([row.refused, row.lost]).toEqual([before.refused + 1, before.lost + 1]);
    expect(row.sent).toBe(row.accepted + row.refused);
  });

  it('with keys that were made from a deleted one is refused, too', async () => {
    await until('traffic', async () => (await sandbox.traffic('tokens')).accepted > 5);
    await api('DELETE', `/1/keys/${await named('storefront')}`);
    await until('browsers are refused', async () => (await sandbox.traffic('tokens')).refused > 5);
  });
});
