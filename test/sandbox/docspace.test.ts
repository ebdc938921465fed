import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { docspaceHeaders, type Reply, type RunningSandbox, request, startIdleSandbox, until, type Vendors } from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('docspace');
  vendors = sandbox.current();
});
afterAll(() => sandbox.remove());

const control = (where: string, body: object) => sandbox.tell('POST', `/vendors/docspace${where}`, body);
async function freshPortal(...programs: string[]): Promise<void> {
  vendors = await sandbox.reset({ programs });
  await control('/limits', { creations: 1000, callsPerMinute: 100_000 });
}

const raw = (method: string, where: string, headers: Record<string, string>, body?: unknown) =>
  request(method, `${vendors.docspace.url}/api/2.0${where}`, headers, body);
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const api = (method: string, where: string, body?: unknown) => raw(method, where, docspaceHeaders(vendors), body);
const self = (key: string) => raw('GET', '/keys/@self', bearer(key));
const make = async (body: object = {}) => (await api('POST', '/keys', { name: 'made', ...body })).body.response;
const shown = async (id: string) => (await api('GET', '/keys')).body.response.find((key: { id: string }) => key.id === id);
const row = async (name: string) =>
  (await sandbox.tell('GET', '/keys?vendor=docspace')).find((key: { name: string }) => key.name === name) as {
    id: string;
    value: string;
    state: string;
  };

const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const CONTROLLER = 'ApiKeysController.cs, v3.7.2';

describe('what DocSpace answers', () => {
  beforeAll(() => freshPortal());
  const invalid = { status: 1, statusCode: 400, error: { message: 'Permissions are not valid.', hresult: 0 } };
  const rows: Array<[what: string, source: string, ask: () => Promise<Reply>, status: number, body?: unknown]> = [
    ['no credential', 'ApiKeyBearerAuthHandler.cs', () => raw('GET', '/keys', {}), 401, ''],
    [
      'a key without "Bearer "',
      'BaseStartup.cs: the scheme goes by that word',
      () => raw('GET', '/keys', { authorization: vendors.docspace.management.token }),
      401,
      '',
    ],
    ['a bearer that is no key', 'the same', () => raw('GET', '/keys', bearer('eyJhbGciOi.e30.x')), 401, ''],
    ['a key of nobody', 'ApiKeyBearerAuthHandler.cs', () => self(`sk-${'0'.repeat(64)}`), 401, ''],
    ['an inactive key', 'ApiKeyBearerAuthHandler.cs', async () => self((await row('old website')).value), 401, ''],
    ['an expired key', 'ApiKeyBearerAuthHandler.cs', async () => self((await row('conference app')).value), 401, ''],
    ['the list', CONTROLLER, () => api('GET', '/keys'), 200],
    ['the calling key', CONTROLLER, () => api('GET', '/keys/@self'), 200],
    ['@self with any scope', 'AuthorizationExtension.cs', async () => self((await row('Zapier')).value), 200],
    [
      'the list with a weak key',
      'AuthorizationExtension.cs',
      async () => raw('GET', '/keys', bearer((await row('Zapier')).value)),
      403,
      '',
    ],
    [
      'a change with a key that may only read',
      'AuthorizationExtension.cs',
      async () => raw('PUT', `/keys/${UNKNOWN}`, bearer((await row('intern')).value), {}),
      403,
      '',
    ],
    ['an unknown scope', CONTROLLER, () => api('POST', '/keys', { name: 'a', permissions: ['files:burn'] }), 400, invalid],
    ['a key without a name', 'CreateApiKeyRequestDto', () => api('POST', '/keys', { permissions: ['*'] }), 400],
    ['a name of 31 characters', 'CreateApiKeyRequestDto', () => api('POST', '/keys', { name: 'n'.repeat(31) }), 400],
    ['a life of 366 days', 'CreateApiKeyRequestDto', () => api('POST', '/keys', { name: 'a', expiresInDays: 366 }), 400],
    ['a body that is no JSON', 'assumed', () => api('POST', '/keys', '{'), 400],
    [
      'a body of another content type',
      'assumed',
      () => raw('POST', '/keys', { ...docspaceHeaders(vendors), 'content-type': 'text/plain' }, '{}'),
      415,
    ],
    ['a change of an unknown key', `${CONTROLLER}: null`, () => api('PUT', `/keys/${UNKNOWN}`, { isActive: false }), 500],
    ['the deletion of an unknown key', `${CONTROLLER}: null`, () => api('DELETE', `/keys/${UNKNOWN}`), 500],
    ['an id that is no GUID', `${CONTROLLER}: route`, () => api('DELETE', '/keys/17'), 404, ''],
    ['one key', `${CONTROLLER}: no such route`, () => api('GET', `/keys/${UNKNOWN}`), 404, ''],
    [
      'a change of an expired key',
      CONTROLLER,
      async () => api('PUT', `/keys/${(await row('conference app')).id}`, { isActive: true }),
      200,
    ],
  ];
  it.each(rows)('%s (%s)', async (_what, _source, ask, status, body) => {
    const reply = await ask();
    expect(reply.status).toBe(status);
    if (body !== undefined) expect(reply.body).toEqual(body);
    else if (status < 300)
      expect(reply.body).toMatchObject({ status: 0, statusCode: 200, links: [{ action: expect.any(String) }] });
    else if (status === 500)
      expect(reply.body).toMatchObject({ status: 1, statusCode: 500, error: { message: expect.any(String) } });
  });

  it('says false with 200 to a change of an expired key', async () => {
    expect((await api('PUT', `/keys/${(await row('conference app')).id}`, { name: 'x' })).body.response).toBe(false);
  });
});

describe('a DocSpace key', () => {
  beforeEach(() => freshPortal());

  it('shows its secret when it is made, and never again', async () => {
    const made = await make({ permissions: ['files:read'], expiresInDays: 30 });
    expect(made.key).toMatch(/^sk-[0-9a-f]{64}$/);
    const masked = `sk-***${made.key.slice(-4)}`;
    for (const seen of [await shown(made.id), (await self(made.key)).body.response])
      expect(seen).toMatchObject({
        id: made.id,
        key: masked,
        keyPostfix: made.key.slice(-4),
        permissions: ['files:read'],
        isActive: true,
      });
    expect(JSON.stringify((await api('GET', '/keys')).body)).not.toContain(made.key);
  });

  it('has dates to the tick with the offset of the portal, those of the database to the second', async () => {
    const made = await make({ expiresInDays: 30 });
    const seen = await shown(made.id);
    for (const date of [made.createOn, seen.createOn, seen.expiresAt])
      expect(date).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+02:00$/);
    expect(seen.createOn).toContain('.0000000+');
    expect(Math.round((Date.parse(seen.expiresAt) - Date.parse(seen.createOn)) / 86_400_000)).toBe(30);
  });

  it.each([
    ['an asterisk', ['*']],
    ['an empty list', []],
    ['silence', undefined],
  ])('is made without restriction by %s (v3.7.2)', async (_, permissions) => {
    const made = await make({ permissions });
    expect((await shown(made.id)).permissions).toEqual([]);
    expect((await raw('GET', '/keys', bearer(made.key))).status).toBe(200);
  });

  it('keeps what a change leaves out, and its secret always', async () => {
    const made = await make({ permissions: ['files:read'] });
    expect((await api('PUT', `/keys/${made.id}`, { name: 'renamed' })).body.response).toBe(true);
    expect(await shown(made.id)).toMatchObject({ name: 'renamed', permissions: ['files:read'], isActive: true });
    await api('PUT', `/keys/${made.id}`, { permissions: [], isActive: false });
    expect(await shown(made.id)).toMatchObject({ name: 'renamed', permissions: ['files:read'], isActive: false });
    expect((await self(made.key)).status).toBe(401);
    await api('PUT', `/keys/${made.id}`, { permissions: ['*'], isActive: true });
    expect(await shown(made.id)).not.toHaveProperty('permissions');
    expect((await self(made.key)).status).toBe(200);
  });

  it('is deleted at once, and a second time with 500', async () => {
    const made = await make();
    expect((await api('DELETE', `/keys/${made.id}`)).body.response).toBe(true);
    expect((await self(made.key)).status).toBe(401);
    expect((await api('DELETE', `/keys/${made.id}`)).status).toBe(500);
    expect((await sandbox.tell('GET', '/keys?vendor=docspace')).find((key: { id: string }) => key.id === made.id).state).toBe(
      'deleted',
    );
  });

  it('moves its last use, to the second, with every success and with nothing else', async () => {
    const made = await make();
    expect(await shown(made.id)).not.toHaveProperty('lastUsed');
    await self(made.key);
    const first = (await shown(made.id)).lastUsed;
    expect(first).toContain('.0000000+');
    await sleep(1100);
    expect((await shown(made.id)).lastUsed).toBe(first);
    await self(`${made.key.slice(0, -1)}${made.key.endsWith('0') ? '1' : '0'}`);
    expect((await shown(made.id)).lastUsed).toBe(first);
    await self(made.key);
    expect((await shown(made.id)).lastUsed).not.toBe(first);
  });

  it('is refused from the moment of its expiry, deactivated some time later, and cannot be activated again', async () => {
    const made = await make({ expiresInDays: 1 });
    await control(`/expire/${made.id}`, {});
    expect((await self(made.key)).status).toBe(401);
    await until('deactivated', async () => (await shown(made.id)).isActive === false);
    expect((await api('PUT', `/keys/${made.id}`, { isActive: true })).body.response).toBe(false);
    expect((await shown(made.id)).isActive).toBe(false);
  });

  it('is active again a moment after it was disabled, where an authentication was under way, and its last use has moved', async () => {
    const made = await make();
    await control('/races', { times: 1 });
    expect((await api('PUT', `/keys/${made.id}`, { isActive: false })).body.response).toBe(true);
    expect((await shown(made.id)).isActive).toBe(false);
    await until('written back', async () => (await shown(made.id)).isActive);
    expect(await shown(made.id)).toHaveProperty('lastUsed');
    await api('PUT', `/keys/${made.id}`, { isActive: false });
    await sleep(400);
    expect((await shown(made.id)).isActive).toBe(false);
  });

  it('has the planted value when one was planted, and a value that DocSpace could not make is refused', async () => {
    const value = `sk-${'feed'.repeat(16)}`;
    await sandbox.tell('POST', '/keys/next', { vendor: 'docspace', value });
    expect((await make()).key).toBe(value);
    expect((await sandbox.ask('POST', '/keys/next', { vendor: 'docspace', value: 'sk-short' })).status).toBe(400);
    expect((await sandbox.reset({ programs: [], management: { docspace: { token: value } } })).docspace.management.token).toBe(
      value,
    );
  });
});

describe('a user who is no administrator', () => {
  beforeEach(() => freshPortal());
  const asGrace = async (method: string, where: string, body?: unknown) =>
    raw(method, where, bearer((await row('backup at home')).value), body);

  it('sees the own keys only', async () => {
    const names = (await asGrace('GET', '/keys')).body.response.map((key: { name: string }) => key.name);
    expect(names.sort()).toEqual(['Zapier', 'backup at home', 'conference app']);
  });

  it.each([
    ['v3.7.2', 200],
    ['newer', 403],
  ])('changes nothing of another: %s answers %i', async (server, status) => {
    await control('/server', { server });
    const { id } = await row('exports');
    for (const reply of [await asGrace('PUT', `/keys/${id}`, { isActive: false }), await asGrace('DELETE', `/keys/${id}`)]) {
      expect(reply.status).toBe(status);
      if (status === 200) expect(reply.body.response).toBe(false);
      else expect(reply.body).toMatchObject({ status: 1, error: { message: 'Access denied' } });
    }
    expect((await row('exports')).state).toBe('live');
  });
});

describe('a newer server', () => {
  it('refuses an empty list of permissions (ApiKeysController.cs, IsValidPermission)', async () => {
    await freshPortal();
    const made = await make({ permissions: ['files:read'] });
    await control('/server', { server: 'newer' });
    expect((await api('POST', '/keys', { name: 'a', permissions: [] })).status).toBe(400);
    expect((await api('PUT', `/keys/${made.id}`, { permissions: [] })).status).toBe(400);
    expect((await make({ permissions: ['*'] })).permissions).toEqual([]);
  });
});

describe("DocSpace's limits (RateLimiterSettings.cs)", () => {
  it('let a user ask for five keys in a quarter of an hour, also where the asking is refused for its body', async () => {
    vendors = await sandbox.reset({ programs: [] });
    expect((await api('POST', '/keys', { name: '' })).status).toBe(400);
    for (let made = 0; made < 4; made++) expect((await api('POST', '/keys', { name: 'one of five' })).status).toBe(200);
    const sixth = await api('POST', '/keys', { name: 'too many' });
    expect([sixth.status, sixth.body]).toEqual([429, '']);
    const wait = Number(sixth.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(800);
    expect(wait).toBeLessThanOrEqual(900);
    const { value } = await row('backup at home');
    expect((await raw('POST', '/keys', bearer(value), { name: 'of another user' })).status).toBe(200);
    await control('/limits', { creations: 6 });
    expect((await api('POST', '/keys', { name: 'now' })).status).toBe(200);
  });

  it('let a user make so many calls in a minute', async () => {
    await freshPortal();
    await control('/limits', { callsPerMinute: 3 });
    const replies = [];
    for (let call = 0; call < 4; call++) replies.push(await api('GET', '/keys/@self'));
    expect(replies.at(-1)!.status).toBe(429);
    expect(Number(replies.at(-1)!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(replies.at(-1)!.headers.get('x-ratelimit-remaining')).toBe('0');
  });
});

describe('traffic with a DocSpace key', () => {
  const apps = ['exports-1', 'exports-2', 'archiver'];
  beforeEach(() => freshPortal(...apps));

  it('is refused and lost from the moment at which the key is switched off, and accepted again when it is on', async () => {
    const { id } = await row('exports');
    await until('accepted', async () => (await sandbox.traffic('archiver')).accepted > 2);
    await api('PUT', `/keys/${id}`, { isActive: false });
    for (const app of apps) await until(`${app} is refused`, async () => (await sandbox.traffic(app)).refused > 0);
    await api('PUT', `/keys/${id}`, { isActive: true });
    for (const app of apps) {
      const { accepted } = await sandbox.traffic(app);
      await until(`${app} is accepted again`, async () => (await sandbox.traffic(app)).accepted > accepted);
      const { sent, lost, refused, ...counted } = await sandbox.traffic(app);
      expect([lost, sent]).toEqual([refused, counted.accepted + refused]);
    }
  });

  it('is refused for a scope that the key lacks', async () => {
    const { id } = await row('exports');
    await api('PUT', `/keys/${id}`, { permissions: ['rooms:read'] });
    await until('the workers may not write', async () => (await sandbox.traffic('exports-1')).refused > 0);
    expect((await sandbox.traffic('archiver')).refused).toBe(0);
  });
});
