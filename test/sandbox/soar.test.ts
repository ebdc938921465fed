import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  basic,
  type Reply,
  type RunningSandbox,
  request,
  soarHeaders,
  startIdleSandbox,
  until,
  type Vendors,
} from './support.js';

let sandbox: RunningSandbox;
let vendors: Vendors;

beforeAll(async () => {
  sandbox = await startIdleSandbox('soar');
  vendors = sandbox.current();
});
afterAll(() => sandbox.remove());

async function freshAccount(...programs: string[]): Promise<void> {
  vendors = await sandbox.reset({ programs });
}

const raw = (method: string, where: string, headers: Record<string, string>, body?: unknown) =>
  request(method, `${vendors.soar.url}/rest${where}`, headers, body);
const rest = (method: string, where: string, body?: unknown) => raw(method, where, soarHeaders(vendors), body);
const org = (method: string, where: string, body?: unknown) => rest(method, `/orgs/${vendors.soar.orgId}${where}`, body);
const keyRow = async (id: string) =>
  (await sandbox.tell('GET', '/keys?vendor=soar')).findLast((row: { id: string }) => row.id === id) as {
    value: string;
    state: string;
  };
const login = async (id: string) => {
  const { client_id } = (await org('GET', `/apikeys/${id}`)).body;
  return basic(client_id, (await keyRow(id)).value);
};
const regenerate = async (id: string) => {
  const account = (await org('GET', `/apikeys/${id}`)).body;
  return (await org('PUT', `/apikeys/${id}`, { ...account, regenerate_secret: true })).body;
};
const app = async (id: number) => (await org('GET', `/apps/${id}`)).body;
const reaches = (id: number, status: string) => until(`${id} is ${status}`, async () => (await app(id)).status === status);

describe('what SOAR answers', () => {
  const NO = (message: string) => ({ success: false, title: null, message, hints: [], error_code: 'generic' });
  const rows: Array<[what: string, source: string, ask: () => Promise<Reply>, status: number, body?: unknown]> = [
    ['no credential', 'co3base: 401 covers all', () => raw('GET', '/session', {}), 401],
    ['an unknown id', 'co3base: 401 covers all', () => raw('GET', '/session', basic('nobody', 'x')), 401],
    ['a session', 'recorded, 51.0.9', () => rest('GET', '/session?include_permissions=false'), 200],
    ['the constants', 'co3', () => rest('GET', '/const'), 200],
    ['a list of keys', 'ApiKeyREST; array assumed', () => org('GET', '/apikeys'), 200],
    ['a page of keys', 'ApiKeyREST', () => org('POST', '/apikeys/query_paged', { start: 0, length: 2 }), 200],
    ['an unknown key', 'recorded text', () => org('GET', '/apikeys/999'), 404, NO('Unable to find API key with ID 999')],
    ['another organisation', 'assumed', () => rest('GET', '/orgs/1/apikeys'), 404],
    [
      'a name that is taken',
      'docs: unique; status assumed',
      () => org('POST', '/apikeys', { display_name: 'rekey', permissions: [] }),
      400,
    ],
    ['a partial PUT', 'full objects; status assumed', () => org('PUT', '/apikeys/17', { regenerate_secret: true }), 400],
    ['an unknown secret', 'assumed', () => org('PUT', '/apps/101/secrets/OTHER', { value: 'v' }), 404],
    [
      'keys, for one who may not',
      'recorded 403',
      async () => raw('GET', `/orgs/${vendors.soar.orgId}/apikeys`, await login('17')),
      403,
      NO('Forbidden'),
    ],
    [
      'apps, for one who may not',
      'recorded 403',
      async () => raw('GET', `/orgs/${vendors.soar.orgId}/apps`, await login('17')),
      403,
      NO('Forbidden'),
    ],
  ];
  it.each(rows)('%s (%s)', async (_what, _source, ask, status, body) => {
    const reply = await ask();
    expect(reply.status).toBe(status);
    if (body) expect(reply.body).toEqual(body);
  });

  it("gives IBM's client what it reads at login", async () => {
    const session = (await rest('GET', '/session')).body;
    expect(session).toMatchObject({
      client_id: vendors.soar.management.keyId,
      orgs: [{ name: vendors.soar.orgName, enabled: true }],
    });
    expect((await org('GET', '')).body.actions_framework_enabled).toBe(true);
    expect((await rest('GET', '/const')).body.server_version.major).toBe(51);
  });

  it('names the key of an app in its executables, and shows no secret', async () => {
    const key = (await org('GET', '/apikeys/17')).body;
    const { executables } = (await app(101)).current_installation;
    expect(executables[0].apikey_handle).toBe(key.client_id);
    expect(executables[0].config_string).toContain(`api_key_id=${key.client_id}`);
    expect((await org('GET', '/apps/101/secrets')).body).toEqual({ entities: [{ name: 'API_KEY_SECRET' }] });
    const shown = JSON.stringify([key, await app(101), (await org('GET', '/apps')).body, (await org('GET', '/apikeys')).body]);
    expect(shown).not.toContain((await keyRow('17')).value);
  });
});

describe('a SOAR key', () => {
  beforeEach(() => freshAccount());

  it('shows its secret once, at its creation', async () => {
    const made = (await org('POST', '/apikeys', { display_name: 'new', permissions: { permission_handles: ['read_data'] } }))
      .body;
    expect((await raw('GET', '/session', basic(made.client_id, made.client_secret))).status).toBe(200);
    expect((await org('GET', `/apikeys/${made.id}`)).body).not.toHaveProperty('client_secret');
    expect((await org('DELETE', `/apikeys/${made.id}`)).status).toBe(200);
    expect((await org('DELETE', `/apikeys/${made.id}`)).status).toBe(404);
    expect((await raw('GET', '/session', basic(made.client_id, made.client_secret))).status).toBe(401);
  });

  it('keeps its id when its secret is regenerated, and the old secret is dead at once', async () => {
    const before = (await org('GET', '/apikeys/23')).body;
    const old = await login('23');
    const after = await regenerate('23');
    expect(after).toMatchObject({ id: 23, client_id: before.client_id, locked: false, client_secret: expect.any(String) });
    expect(after.secret_last_modified_time).toBeGreaterThan(before.secret_last_modified_time);
    expect((await raw('GET', '/session', old)).status).toBe(401);
    const secrets = (await sandbox.tell('GET', '/keys?vendor=soar')).filter((key: { id: string }) => key.id === '23');
    expect(secrets.map((key: { state: string }) => key.state)).toEqual(['deleted', 'live']);
    expect((await raw('GET', '/session', basic(after.client_id, after.client_secret))).status).toBe(200);
  });

  it('keeps its secret, and the time of its change, when anything else is changed', async () => {
    const before = (await org('GET', '/apikeys/23')).body;
    const after = (await org('PUT', '/apikeys/23', { ...before, display_name: 'tickets' })).body;
    expect(after).toMatchObject({ display_name: 'tickets', secret_last_modified_time: before.secret_last_modified_time });
    expect(after).not.toHaveProperty('client_secret');
  });

  it('is locked after ten failed logins, then refuses its own secret, until it is regenerated', async () => {
    // Whoever logs in well in between starts the count anew: the app has to finish first.
    await sandbox.tell('POST', '/traffic/stop');
    await sleep(200);
    const { client_id } = (await org('GET', '/apikeys/23')).body;
    for (let i = 0; i < 10; i++) expect((await raw('GET', '/session', basic(client_id, 'wrong'))).status).toBe(401);
    expect((await org('GET', '/apikeys/23')).body.locked).toBe(true);
    expect((await raw('GET', '/session', await login('23'))).status).toBe(401);
    await regenerate('23');
    expect((await raw('GET', '/session', await login('23'))).status).toBe(200);
  });

  it('is locked when its secret expires', async () => {
    await sandbox.tell('POST', '/vendors/soar/expire/23');
    expect((await raw('GET', '/session', await login('23'))).status).toBe(401);
    expect((await org('GET', '/apikeys/23')).body.locked).toBe(true);
  });

  it('takes everybody down with a hundred failures from one address', async () => {
    for (let i = 0; i < 100; i++) await raw('GET', '/session', basic('nobody', 'x'));
    expect((await rest('GET', '/session')).status).toBe(401);
    await sandbox.tell('POST', '/vendors/soar/unban');
    expect((await rest('GET', '/session')).status).toBe(200);
  });
});

describe('a SOAR app', () => {
  beforeEach(() => freshAccount('enrichment', 'phishing', 'ticketing'));

  it('loses work and crash-loops until the account is locked, when its secret is regenerated while it runs', async () => {
    await until('at work', async () => (await sandbox.traffic('enrichment')).accepted > 3);
    await regenerate('17');
    await until('refused', async () => (await sandbox.traffic('enrichment')).lost === 1);
    await reaches(101, 'FAILED');
    expect(await app(101)).toMatchObject({ last_exit_code: 21 });
    await until('locked', async () => (await org('GET', '/apikeys/17')).body.locked, 15_000);
    expect((await sandbox.traffic('enrichment')).failedLogins).toBeGreaterThanOrEqual(3);
    expect((await sandbox.traffic('ticketing')).failedLogins).toBe(0);
  });

  it('loses nothing when it is undeployed first, and reads its new secret when it is deployed', async () => {
    await until('at work', async () => (await sandbox.traffic('phishing')).accepted > 3);
    for (const id of [101, 102]) expect((await org('POST', `/apps/${id}/undeploy`)).status).toBe(202);
    expect((await app(101)).status).toBe('UNDEPLOYING');
    await reaches(101, 'UNDEPLOYED');
    await reaches(102, 'UNDEPLOYED');
    expect((await app(101)).instances).toEqual([]);
    const { client_secret } = await regenerate('17');
    for (const id of [101, 102]) {
      expect((await org('PUT', `/apps/${id}/secrets/API_KEY_SECRET`, { value: client_secret })).status).toBe(200);
      expect((await org('POST', `/apps/${id}/deploy`)).status).toBe(202);
    }
    expect((await app(101)).status).toBe('DEPLOYING');
    await reaches(101, 'DEPLOYED');
    await reaches(102, 'DEPLOYED');
    for (const name of ['enrichment', 'phishing']) {
      const before = (await sandbox.traffic(name)).accepted;
      await until('at work again', async () => (await sandbox.traffic(name)).accepted > before + 3);
      const row = await sandbox.traffic(name);
      expect(row).toMatchObject({ refused: 0, failedLogins: 0, lost: 0 });
      expect(row.downMs).toBeGreaterThan(1500);
    }
  });

  it('goes on with its old secret when only the stored one is changed, and an open subscription outlives a regenerate', async () => {
    expect((await org('PUT', '/apps/103/secrets/API_KEY_SECRET', { value: 'something else' })).status).toBe(200);
    const before = (await sandbox.traffic('ticketing')).accepted;
    await until('at work', async () => (await sandbox.traffic('ticketing')).accepted > before + 3);

    await sandbox.tell('POST', '/traffic/stop');
    await sleep(200);
    await regenerate('23');
    await sleep(300);
    expect(await app(103)).toMatchObject({ status: 'DEPLOYED', restarts: 0 });
  });

  it('is turned round when it is deployed while it is being undeployed', async () => {
    await org('POST', '/apps/101/undeploy');
    await org('POST', '/apps/101/deploy');
    expect((await app(101)).status).toBe('DEPLOYING');
    await reaches(101, 'DEPLOYED');
    expect((await app(101)).instances).toHaveLength(1);
  });

  it('comes back by itself after a crash, without losing what it held', async () => {
    await until('at work', async () => (await sandbox.traffic('ticketing')).accepted > 3);
    const [{ pod }] = (await app(103)).instances;
    await sandbox.tell('POST', '/apps/ticketing/crash');
    await until('another one', async () =>
      (await app(103)).instances.some((i: { pod: string; state: string }) => i.pod !== pod && i.state === 'running'),
    );
    expect(await app(103)).toMatchObject({ status: 'DEPLOYED', restarts: 1 });
    expect(await sandbox.traffic('ticketing')).toMatchObject({ lost: 0, refused: 0 });
  });

  it('is not let at a queue that its key may not read', async () => {
    await org('POST', '/apps/103/undeploy');
    await reaches(103, 'UNDEPLOYED');
    const { entities } = (await org('GET', '/message_destinations')).body;
    const destination = entities.find(({ name }: { name: string }) => name === 'ticketing');
    expect((await org('PUT', `/message_destinations/${destination.id}`, { ...destination, api_keys: [] })).status).toBe(200);
    await org('POST', '/apps/103/deploy');
    await reaches(103, 'FAILED');
    expect((await app(103)).last_exit_code).toBe(32);
  });
});
