import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bearer, CTL, type Reply, type RunningSandbox, request, startIdleSandbox, until, type Vendors } from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('dnn');
  vendors = sandbox.current();
});
afterAll(() => sandbox.remove());

interface Row {
  readonly id: string;
  readonly name: string;
  readonly account: string;
  readonly value: string;
  readonly state: string;
}
const rows = (): Promise<Row[]> => sandbox.tell('GET', '/keys?vendor=dnn');
const keyOf = async (name: string, account = 'www.example.com') =>
  (await rows()).findLast((row) => row.name === name && row.account === account)!.value;

const raw = (method: string, where: string, headers: Record<string, string>, body?: unknown) =>
  request(method, `${vendors.dnn.url}/api${where}`, headers, body);
const host = (method: string, where: string, body?: unknown) => raw(method, where, bearer(vendors.dnn.management.token), body);
const as = async (name: string, method: string, where: string, body?: unknown) =>
  raw(method, where, bearer(await keyOf(name)), body);
const persona = (method: string, where: string, body?: unknown) => sandbox.tell(method, `/vendors/dnn/api-keys${where}`, body);
const form = (name: string, ...permissions: string[]) => ({ name, permissions });
const firstItem = async () => (await as('mobile app', 'GET', '/ContentItems')).body.documents[0];

const DENIED = { message: 'Authorization has been denied for this request.' };
const UNKNOWN = '/ContentItems/00000000-0000-4000-8000-000000000000';
const fault = (developerMessage: string) => ({
  status: 422,
  code: 422,
  developerMessage: expect.stringContaining(developerMessage),
  message: 'error.422',
});

describe('what DNN answers', () => {
  // The voice assistant may read items, the mobile app items and types, the site apps write items
  // and read types.
  const answers: Array<[what: string, source: string, ask: () => Promise<Reply>, status: number, body?: unknown]> = [
    ['no key', 'assumed: as an unknown one', () => raw('GET', '/ContentItems', {}), 401, DENIED],
    ['an unknown key', 'samples, get-401', () => raw('GET', '/ContentItems', bearer('0'.repeat(32))), 401, DENIED],
    ['a key that may not read this', 'samples: 401, not 403', () => as('voice assistant', 'GET', '/ContentTypes'), 401, DENIED],
    [
      'a reading key that writes',
      'samples, post-401',
      () => as('mobile app', 'POST', '/ContentItems', { name: 'x', contentTypeId: 'x' }),
      401,
      DENIED,
    ],
    [
      'a key with a scheme of its own',
      'docs: Bearer',
      () => raw('GET', '/ContentItems', { authorization: 'Basic x' }),
      401,
      DENIED,
    ],
    ['a list', 'DNNDocs, responses', () => as('mobile app', 'GET', '/ContentItems?maxItems=1'), 200],
    ['too much at once', 'assumed', () => as('mobile app', 'GET', '/ContentItems?maxItems=101'), 422, fault('maxItems')],
    ['an unknown item', 'DNNDocs: 404; body assumed', () => as('mobile app', 'GET', UNKNOWN), 404],
    ['an unknown item, for a weak key', 'assumed: rights first', () => as('voice assistant', 'PUT', UNKNOWN, {}), 401, DENIED],
    [
      'an item of no type',
      'samples, post-422',
      () => as('site apps', 'POST', '/ContentItems', { name: 'x', contentTypeId: 'x' }),
      422,
      fault('contentTypeId'),
    ],
    ['a body that is no JSON', 'assumed', () => as('site apps', 'POST', '/ContentItems', 'x'), 422, fault('JSON')],
    ['an unknown call', 'assumed', () => host('GET', '/Nothing'), 404],
    ['the version, for nobody', 'assumed: it looks at no key', () => raw('GET', '/version', {}), 200],
    // All of ApiKeys is assumed.
    ['a list of keys', 'assumed', () => host('GET', '/ApiKeys'), 200],
    ['a list of keys, for a key', 'assumed, after webhooks', () => as('site apps', 'GET', '/ApiKeys'), 401, DENIED],
    ['a new key, for a key', 'assumed', () => as('site apps', 'POST', '/ApiKeys', form('x')), 401, DENIED],
    ['a reset, for a key', 'assumed', () => as('site apps', 'POST', '/ApiKeys/x/reset'), 401, DENIED],
    ['content, for a host', 'assumed: a token is no key', () => host('GET', '/ContentItems'), 401, DENIED],
    ['an unknown key of this site', 'assumed', () => host('GET', '/ApiKeys/x'), 404],
    ['a key without a name', 'assumed', () => host('POST', '/ApiKeys', form(' ')), 422, fault('name')],
    ['an unknown permission', 'assumed', () => host('POST', '/ApiKeys', form('x', 'sc-all')), 422, fault('permissions')],
    [
      'a change of half a key',
      'assumed: full objects',
      async () => host('PUT', `/ApiKeys/${(await rows())[0]!.id}`, { name: 'x' }),
      422,
    ],
  ];
  it.each(answers)('%s (%s)', async (_what, _source, ask, status, body) => {
    const reply = await ask();
    expect(reply.status).toBe(status);
    if (body) expect(reply.body).toEqual(body);
  });

  it('lists in pages, found by text and in order (DNNDocs, api-results-pagination)', async () => {
    const names = async (query: string) => {
      const { body } = await as('mobile app', 'GET', `/ContentTypes?${query}`);
      return [body.totalResultCount, ...body.documents.map(({ name }: { name: string }) => name)];
    };
    expect(await names('fieldOrder=name')).toEqual([3, 'News', 'Product', 'Store']);
    expect(await names('fieldOrder=name&orderAsc=false&startIndex=1&maxItems=1')).toEqual([3, 'Product']);
    expect(await names('searchText=stor')).toEqual([1, 'Store']);
    expect(await names('createdFrom=2999-01-01')).toEqual([0]);
  });

  it('answers a create and an update with 201 and the object (samples)', async () => {
    const { contentTypeId } = await firstItem();
    const made = await as('site apps', 'POST', '/ContentItems', { name: 'Stool', contentTypeId });
    expect([made.status, made.body.name]).toEqual([201, 'Stool']);
    const changed = await as('site apps', 'PUT', `/ContentItems/${made.body.id}`, { name: 'Bench', contentTypeId });
    expect([changed.status, changed.body.name]).toEqual([201, 'Bench']);
    expect((await as('mobile app', 'GET', `/ContentItems/${made.body.id}`)).body.name).toBe('Bench');
  });
});

describe('a DNN key', () => {
  beforeEach(async () => {
    vendors = await sandbox.reset({ programs: [] });
  });

  it('shows its value at any time, and keeps it when name and toggles change (DNNDocs, get-existing-api-key; calls assumed)', async () => {
    const made = (await host('POST', '/ApiKeys', form('new', 'sc-item:read'))).body;
    expect(made.key).toMatch(/^[0-9a-f]{32}$/);
    expect((await host('GET', `/ApiKeys/${made.id}`)).body).toEqual(made);
    const changed = (await host('PUT', `/ApiKeys/${made.id}`, form('newer', 'sc-type:read'))).body;
    expect(changed).toMatchObject({ id: made.id, name: 'newer', key: made.key });
    expect((await raw('GET', '/ContentItems', bearer(made.key))).status).toBe(401);
    expect((await raw('GET', '/ContentTypes', bearer(made.key))).status).toBe(200);
  });

  it('keeps its id at a reset, and the old value is dead at once', async () => {
    const old = await keyOf('mobile app');
    const { id } = (await rows()).find((row) => row.value === old)!;
    const after = (await host('POST', `/ApiKeys/${id}/reset`)).body;
    expect(after).toMatchObject({ id, name: 'mobile app' });
    expect((await raw('GET', '/ContentItems', bearer(old))).status).toBe(401);
    expect((await raw('GET', '/ContentItems', bearer(after.key))).status).toBe(200);
    expect((await rows()).filter((row) => row.id === id).map((row) => row.state)).toEqual(['deleted', 'live']);
  });

  it('is gone for good when it is deleted', async () => {
    const old = await keyOf('mobile app');
    const { id } = (await rows()).find((row) => row.value === old)!;
    expect((await host('DELETE', `/ApiKeys/${id}`)).status).toBe(204);
    expect((await host('DELETE', `/ApiKeys/${id}`)).status).toBe(404);
    expect((await raw('GET', '/ContentItems', bearer(old))).status).toBe(401);
  });

  it('belongs to one site: it sees nothing of another, and its host manages no other', async () => {
    const elsewhere = await keyOf('site apps', 'intranet.example.com');
    expect((await raw('GET', '/ContentItems', bearer(elsewhere))).status).toBe(200);
    expect((await raw('GET', `/ContentItems/${(await firstItem()).id}`, bearer(elsewhere))).status).toBe(404);
    const { documents, totalResultCount } = (await host('GET', '/ApiKeys?maxItems=100')).body;
    expect([documents.length, totalResultCount]).toEqual([3, 3]);
    const { id } = (await rows()).find((row) => row.value === elsewhere)!;
    for (const [method, where] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/reset'],
    ] as const) {
      expect((await host(method, `/ApiKeys/${id}${where}`)).status).toBe(404);
    }
    expect((await raw('GET', '/ContentItems', bearer(elsewhere))).status).toBe(200);
  });

  it('is made, reset and deleted by a person in the Persona Bar, without a token', async () => {
    const made = await persona('POST', '', form('by hand', 'sc-item:read'));
    expect((await raw('GET', '/ContentItems', bearer(made.key))).status).toBe(200);
    // Reset, and then the form is closed without Save: the old value is dead all the same.
    const reset = await persona('POST', '/by%20hand/reset');
    expect((await raw('GET', '/ContentItems', bearer(made.key))).status).toBe(401);
    expect((await persona('PUT', `/${made.id}`, form('renamed', 'sc-item:read'))).key).toBe(reset.key);
    await persona('DELETE', '/renamed');
    expect((await raw('GET', '/ContentItems', bearer(reset.key))).status).toBe(401);
    const there = await persona('POST', '?site=intranet.example.com', form('elsewhere', 'sc-item:read'));
    expect((await raw('GET', `/ContentItems/${(await firstItem()).id}`, bearer(there.key))).status).toBe(404);
    expect((await sandbox.ask('POST', '/vendors/dnn/api-keys/nobody/reset')).status).toBe(400);
  });

  it('can be planted, if DNN could have made it', async () => {
    await sandbox.tell('POST', '/keys/next', { vendor: 'dnn', value: 'd'.repeat(32) });
    expect((await persona('POST', '', form('planted'))).key).toBe('d'.repeat(32));
    expect((await sandbox.ask('POST', '/keys/next', { vendor: 'dnn', value: 'short' })).status).toBe(400);
    expect((await sandbox.ask('POST', '/reset', { management: { dnn: { token: 'no token' } } })).status).toBe(400);
  });
});

describe('an app of a DNN customer', () => {
  beforeEach(async () => {
    vendors = await sandbox.reset();
  });

  const ctl = (verb: string, app: string) => spawnSync(process.execPath, [CTL, sandbox.control, verb, app], { encoding: 'utf8' });
  const replace = (app: string, file: string, key: string) => {
    const where = path.join(sandbox.home, 'hosts', app, file);
    writeFileSync(where, readFileSync(where, 'utf8').replace(/[0-9a-f]{32}/, key));
  };
  const atWork = (app: string) => until('at work', async () => (await sandbox.traffic(app)).accepted > 2);

  it('takes a new key without a restart, or with one, as it was built', async () => {
    const { key } = await persona('POST', '', form('next', 'sc-item:write', 'sc-type:read'));
    const before = (await sandbox.traffic('catalogue')).fingerprint;
    replace('catalogue', '.env', key);
    await until('another fingerprint', async () => (await sandbox.traffic('catalogue')).fingerprint !== before);
    const after = (await sandbox.traffic('catalogue')).fingerprint;
    for (const app of ['kiosk', 'stock-sync']) {
      replace(app, 'settings.yaml', key);
      expect((await sandbox.traffic(app)).fingerprint).toBe(before);
      expect(ctl('restart', app).status).toBe(0);
      expect(ctl('status', app).stdout.trim()).toMatch(new RegExp(`^instance pid \\d+ started \\S+Z fingerprint ${after}$`));
    }
    for (const app of ['catalogue', 'kiosk', 'stock-sync']) {
      await atWork(app);
      expect(await sandbox.traffic(app)).toMatchObject({ refused: 0, lost: 0, fingerprint: after });
    }
  });

  it('is refused with a key that was reset, and the one that writes with one that may only read', async () => {
    await atWork('stock-sync');
    const { id } = (await rows()).find(({ name }) => name === 'site apps')!;
    await persona('PUT', `/${id}`, form('site apps', 'sc-item:read'));
    await until('refused', async () => (await sandbox.traffic('stock-sync')).refused > 0);
    expect(await sandbox.traffic('kiosk')).toMatchObject({ refused: 0, lost: 0 });
    await persona('POST', `/${id}/reset`);
    await until('refused', async () => (await sandbox.traffic('kiosk')).refused > 0);
    expect((await sandbox.traffic('kiosk')).lost).toBeGreaterThan(0);
  });
});
