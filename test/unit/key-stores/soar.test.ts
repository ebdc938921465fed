import { describe, expect, it } from 'vitest';
import { json } from '../http/server.js';
import {
  all,
  app,
  asked,
  changeManagementSecret,
  clientId,
  host,
  key,
  never,
  open,
  secret,
  server,
  settings,
  soar,
  useSoar,
} from './soar-server.js';

useSoar();

describe('calls that IBM does not publish', () => {
  const consumer = { name: 'enrichment', host: 'apps', settings: { app: 'enrichment' } };
  const version = { generation: 2, keyId: '17', secret };
  const delivery = { consumer, version, otherKeys: [], fence: { ledgerId: 'l', number: 1 } };
  const needs: [string, (accept: string[]) => Promise<unknown>][] = [
    ['soar-create-call', (accept) => open({ accept }).create({ tag: 't', attributes: {}, likeKeyId: null }, never())],
    ['soar-regenerate-call', (accept) => open({ accept }).regenerate!('17', never())],
    ['soar-deploy-call', (accept) => host({ accept }).inspect(consumer, [], never())],
    ['soar-deploy-call', (accept) => host({ accept }).deploy!(consumer, never())],
    ['soar-deploy-call', (accept) => host({ accept }).undeploy!(consumer, never())],
    ['soar-deploy-call', (accept) => host({ accept }).consumersNamed!(['enrichment'], '17', never())],
    ['soar-secrets-call', (accept) => host({ accept }).deliver(delivery, never())],
  ];

  it.each(needs)('%s is made only if it is accepted by name', async (name, act) => {
    soar();
    await expect(act(all.filter((other) => other !== name))).rejects.toMatchObject({
      code: 'KR_ASSUMPTION_NOT_ACCEPTED',
      detail: expect.stringContaining(name),
    });
    expect(server.seen.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it('leave the store without knowing who uses a key, unless they are accepted', () => {
    expect(open({ accept: [] }).consumersOf).toBeUndefined();
    expect(open().consumersOf).toBeDefined();
  });

  it('can be corrected: path, verb, flag and field', async () => {
    const made = { ...key, the_secret: secret.reveal(), secret_last_modified_time: 5 };
    soar({ 'POST /rest/orgs/201/keys/17/renew': made });
    const calls = {
      regenerate: { method: 'POST', path: '/keys/{id}/renew', flag: null, sends: 'flag' },
      fields: { clientSecret: 'the_secret' },
    };
    const result = await open({ calls }).regenerate!('17', never());
    expect(result.secret.equals(secret)).toBe(true);
    expect(result.secretChanged).toBe('5');
    expect(server.seen.at(-1)!.body).toBe('{}');
  });

  it('send back the whole object where that is assumed', async () => {
    soar({ 'PUT /rest/orgs/201/apikeys/17': { ...key, client_secret: secret.reveal(), secret_last_modified_time: 5 } });
    await open().regenerate!('17', never());
    expect(JSON.parse(server.seen.at(-1)!.body)).toEqual({ ...key, regenerate_secret: true });
  });

  it.each([
    ['without a secret', { ...key, secret_last_modified_time: 5 }],
    ['with something else', { success: true }],
  ])('answered %s are unclear, not done', async (_, answer) => {
    soar({ 'PUT /rest/orgs/201/apikeys/17': answer });
    await expect(open().regenerate!('17', never())).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR' });
  });

  it('whose answer lacks the time of the change still bring the secret home', async () => {
    soar({ 'PUT /rest/orgs/201/apikeys/17': { id: 17, display_name: 'enrichment', client_secret: secret.reveal() } });
    const { secretChanged, ...made } = await open().regenerate!('17', never());
    expect(made.secret.equals(secret)).toBe(true);
    expect(secretChanged).toBe('1000');
  });
});

describe('a login', () => {
  it('with a key is tried once, with its client id, and its refusal is an answer', async () => {
    let tried = 0;
    soar();
    const store = open();
    await store.check(never());
    server.answer(({ url, headers }, response) => {
      if (!url.startsWith('/rest/session')) return json(response, 200, key);
      tried++;
      expect(Buffer.from(headers.authorization!.slice(6), 'base64').toString()).toBe(`${clientId}:${secret.reveal()}`);
      // Whatever the body: it must not be taken for a proxy's, and tried again.
      response.writeHead(401, { 'content-type': 'text/html' }).end('<html>');
    });
    expect((await store.probe({ keyId: '17', secret }, never())).endpoints).toMatchObject([{ accepted: false }]);
    expect(tried).toBe(1);
  });

  it('with the management credential is not tried again after a refusal, by any store or host, until the credential is another', async () => {
    soar({ 'GET /rest/session': 401 });
    const both = [() => open().check(never()), () => open().check(never()), () => host().identity(never())];
    for (const login of both) await expect(login()).rejects.toMatchObject({ code: 'KR_STORE_UNAUTHORIZED' });
    expect(asked()).toEqual(['GET /rest/session']);
    soar();
    changeManagementSecret();
    expect(await open().check(never())).toMatchObject({ identity: 'org-uuid' });
  });

  it('that is refused names all that may be behind it, since SOAR does not', async () => {
    soar({ 'GET /rest/session': 401 });
    const refused = await open()
      .check(never())
      .catch((error: Error) => error.message);
    for (const cause of ['locked', 'expired', 'banned', 'Blocked IPs']) expect(refused).toContain(cause);
  });

  it.each([
    [{ locked: true }, 'locked'],
    [{ secret_expiration_date: 1 }, 'expired'],
  ])('with a key that is shut out is not even tried: %j', async (fields, why) => {
    soar({ 'GET /rest/orgs/201/apikeys/17': { ...key, ...fields } });
    const store = open();
    await store.check(never());
    const before = asked().length;
    const { endpoints } = await store.probe({ keyId: '17', secret }, never());
    expect(endpoints).toMatchObject([{ accepted: false, endpoint: expect.stringContaining(why) }]);
    expect(asked().slice(before)).toEqual(['GET /rest/orgs/201/apikeys/17']);
  });

  it('is not counted as refused when nobody answered', async () => {
    soar({ 'GET /rest/session': 503 });
    const store = open();
    await expect(store.check(never())).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
    soar();
    expect(await store.check(never())).toMatchObject({ keys: 1 });
  });

  it('tells the number of the organisation once for many calls', async () => {
    soar();
    const store = open();
    for (let i = 0; i < 3; i++) await store.describe('17', never());
    expect(asked().filter((call) => call === 'GET /rest/session')).toHaveLength(1);
  });

  it.each([
    ['Example', true],
    ['org-uuid', true],
    ['Other', false],
  ])('finds organisation %s: %s', async (organisation, found) => {
    soar();
    const checking = open({ organisation }).check(never());
    await (found
      ? expect(checking).resolves.toMatchObject({ identity: 'org-uuid' })
      : expect(checking).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' }));
  });

  it('never goes by the number of the organisation', () => {
    expect(() => settings({ organisation: '201' })).toThrow(/not its number/);
  });
});

describe('a key', () => {
  it.each([
    [{}, 'live'],
    [{ locked: true }, 'locked'],
    [{ locked: true, secret_expiration_date: 1 }, 'expired'],
    [{ secret_expiration_date: null, locked: null }, 'live'],
  ])('with %j is %s', async (fields, state) => {
    soar({ 'GET /rest/orgs/201/apikeys/17': { ...key, ...fields } });
    expect(await open().describe('17', never())).toMatchObject({
      id: '17',
      state,
      secretChanged: '1000',
      rights: { permissions: ['edit_data', 'read_data'] },
    });
  });

  it.each([
    ['an array', [key]],
    ['entities', { entities: [key] }],
    ['data', { data: [key], recordsTotal: 1 }],
  ])('is listed in %s', async (_, list) => {
    soar({ 'GET /rest/orgs/201/apikeys': list });
    expect(await open().list(never())).toMatchObject([{ id: '17', name: 'enrichment' }]);
  });

  it('without a client id says which setting is wrong', async () => {
    const { client_id: _, ...bare } = key;
    soar({ 'GET /rest/orgs/201/apikeys/17': bare });
    await expect(open().probe({ keyId: '17', secret }, never())).rejects.toMatchObject({
      detail: expect.stringContaining('calls.fields.clientId'),
    });
  });

  it('that another call is just writing is asked for again later', async () => {
    soar({ 'PUT /rest/orgs/201/apikeys/17': 409 });
    await expect(open().regenerate!('17', never())).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
  });

  it('is used by the apps that carry its handle', async () => {
    soar({
      'GET /rest/orgs/201/apps': {
        entities: [app, { ...app, id: 102, name: 'other', current_installation: { executables: [] } }],
      },
    });
    expect(await open().consumersOf!('17', never())).toEqual(['enrichment']);
  });
});
