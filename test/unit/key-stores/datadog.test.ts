import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connector } from '../../../activities/connectors/key-stores/datadog/key-store.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { json, startServer, type TestServer } from '../http/server.js';

const apiKey = 'aaaabbbbccccddddeeeeffff00001111';
const organisation = '6f1c9f6e-2b0a-4a6e-9d3a-0c1d2e3f4a5b';
const never = () => new AbortController().signal;

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

function open(more: object = {}): KeyStore {
  const settings = connector.config.settings.parse({
    url: server.url,
    management: { apiKey: 'env:A', applicationKey: 'env:B' },
    ...more,
  });
  return connector.open(JSON.parse(JSON.stringify(settings)), {
    name: 'dd',
    userAgent: 'rekey/0.1.0 (here; 7)',
    resolve: async (reference) => new Secret(reference === 'env:A' ? apiKey : 'b'.repeat(40)),
  });
}

interface Shown {
  id: string;
  name: string;
  [attribute: string]: unknown;
}
const resource = ({ id, ...attributes }: Shown) => ({ id, type: 'api_keys', attributes });

/** Answers like Datadog with these keys; `paths` take precedence. */
function datadog(keys: Shown[], paths: Record<string, (response: Parameters<typeof json>[0]) => void> = {}): void {
  server.answer(({ url, method }, response) => {
    const { pathname, searchParams } = new URL(url, server.url);
    const special = paths[pathname];
    if (special) return special(response);
    if (pathname === '/api/v2/validate_keys') return json(response, 200, { status: 'ok' });
    if (pathname === '/api/v2/validate')
      return json(response, 200, { data: { id: organisation, attributes: { api_key_id: 'm' } } });
    if (pathname === '/api/v2/api_keys' && method === 'GET') {
      const [size, number] = [Number(searchParams.get('page[size]')), Number(searchParams.get('page[number]'))];
      const data = keys.slice(size * number, size * (number + 1)).map(({ key: _, ...rest }) => resource(rest as Shown));
      return json(response, 200, { data, meta: { max_allowed: 200, page: { total_filtered_count: keys.length } } });
    }
    const found = keys.find(({ id }) => pathname.endsWith(`/${id}`));
    if (found) return json(response, 200, { data: resource(found) });
    return json(response, 404, { errors: ['API key not found'] });
  });
}

const many = Array.from({ length: 250 }, (_, i) => ({ id: `id-${i}`, name: `key ${i}`, last4: 'ffff' }));

describe('the list', () => {
  it('is read to its end', async () => {
    datadog(many);
    expect((await open().list(never())).map(({ id }) => id)).toEqual(many.map(({ id }) => id));
    expect(await open().check(never())).toMatchObject({ keys: 250, maxKeys: 200, identity: organisation, managementKeyId: 'm' });
  });

  it.each([
    ['one was deleted', () => many.slice(1)],
    ['one was deleted and another made', () => [...many.slice(1), { id: 'new', name: 'new', last4: 'ffff' }]],
  ])('is read again when %s between two pages, so that no key is overlooked', async (_, changed) => {
    let keys = many;
    server.answer(({ url }, response) => {
      const number = Number(new URL(url, server.url).searchParams.get('page[number]'));
      const data = keys.slice(100 * number, 100 * (number + 1)).map(resource);
      json(response, 200, { data, meta: { page: { total_filtered_count: keys.length } } });
      keys = changed();
    });
    expect((await open().list(never())).map(({ id }) => id)).toEqual(changed().map(({ id }) => id));
  });

  it('of one page is read once', async () => {
    datadog(many.slice(0, 100));
    await open().list(never());
    expect(server.seen).toHaveLength(1);
  });

  it('that never holds still is not passed off as whole', async () => {
    let next = 0;
    const page = () => Array.from({ length: 100 }, () => resource({ id: `${next++}`, name: 'x' }));
    server.answer(({ url }, response) => json(response, 200, { data: url.includes('%5Bnumber%5D=1') ? [] : page() }));
    await expect(open().list(never())).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
  });
});

describe('a tag', () => {
  it('is found as a word of the name only', async () => {
    datadog([
      { id: '1', name: 'agents rekey-aaaaaaaa-1' },
      { id: '2', name: 'agents rekey-aaaaaaaa-10' },
      { id: '3', name: 'not-rekey-aaaaaaaa-1' },
      { id: '4', name: 'rekey-aaaaaaaa-1 (renamed)' },
    ]);
    expect((await open().findByTag('rekey-aaaaaaaa-', never())).map(({ id }) => id)).toEqual(['1', '2', '4']);
  });
});

describe('a description', () => {
  it('holds the rights, and neither name, dates, last characters nor value', async () => {
    datadog([
      {
        id: '1',
        name: 'agents',
        key: apiKey,
        last4: '1111',
        category: 'default',
        remote_config_read_enabled: true,
        created_at: 'x',
        modified_at: 'y',
        date_last_used: 'z',
        last_used_date: { timestamp: 'z' },
        used_in_last_24_hours: true,
        something_new: 1,
      },
    ]);
    expect(await open().describe('1', never())).toEqual({
      id: '1',
      name: 'agents',
      state: 'live',
      rights: { category: 'default', remote_config_read_enabled: true, something_new: 1 },
      secretChanged: null,
    });
  });

  it('of a key of an integration has no value to read', async () => {
    datadog([{ id: '1', name: 'Azure' }]);
    await expect(open().readSecret!('1', never())).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
      detail: expect.stringContaining('integration'),
    });
  });
});

describe('a new key', () => {
  const made = (response: Parameters<typeof json>[0]) =>
    json(response, 201, { data: { id: 'n', attributes: { name: 'agents t', key: 'c'.repeat(32) } } });
  const sent = () => JSON.parse(server.seen.at(-1)!.body).data.attributes;
  const create = (attributes: object, likeKeyId: string | null) =>
    open().create({ tag: 'rekey-aaaaaaaa-1', attributes: attributes as never, likeKeyId }, never());

  it('takes the rights of the one that it follows, whatever the file says by now', async () => {
    datadog([{ id: '1', name: 'old', category: 'special', remote_config_read_enabled: false, last4: '1111' }], {
      '/api/v2/api_keys': made,
    });
    await create({ name: 'agents', category: 'default', remoteConfigReadEnabled: true }, '1');
    expect(sent()).toEqual({ name: 'agents rekey-aaaaaaaa-1', category: 'special', remote_config_read_enabled: false });
  });

  it('takes what is declared where it is the first', async () => {
    datadog([], { '/api/v2/api_keys': made });
    await create({ name: 'agents', remoteConfigReadEnabled: true }, null);
    expect(sent()).toEqual({ name: 'agents rekey-aaaaaaaa-1', remote_config_read_enabled: true });
  });

  it('is not made when the one that it follows is gone', async () => {
    datadog([], { '/api/v2/api_keys': made });
    await expect(create({ name: 'agents' }, 'gone')).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
    expect(server.seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});

describe('the last use', () => {
  const lastUsed = async (attributes: object) => {
    datadog([{ id: '1', name: 'a', ...attributes }]);
    return open().lastUsed!('1', never());
  };

  it.each([
    [{ date_last_used: '2026-01-01T00:00:00.123456+00:00', used_in_last_24_hours: true }, '2026-01-01T00:00:00.123456+00:00'],
    [{ date_last_used: null, last_used_date: { timestamp: 'then', description: 'x' } }, 'then'],
    [{ date_last_used: null, last_used_date: null, used_in_last_24_hours: false }, 'not in the last 24 hours'],
    [{}, null],
  ])('%j is %j', async (attributes, expected) => {
    expect(await lastUsed(attributes)).toBe(expected);
  });

  it('that is only a raised flag never reads the same twice, or a key in use would look quiet', async () => {
    const first = await lastUsed({ used_in_last_24_hours: true });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await lastUsed({ used_in_last_24_hours: true })).not.toBe(first);
  });
});

describe('the account', () => {
  const gone = { '/api/v2/validate': (response: Parameters<typeof json>[0]) => json(response, 404, { errors: ['Not Found'] }) };

  it('is found without the unstable call: the organisation declared, the management key by its value', async () => {
    datadog(
      [
        { id: 'x', name: 'other', last4: '1111', key: `${'0'.repeat(28)}1111` },
        { id: 'y', name: 'rekey', last4: '1111', key: apiKey },
      ],
      gone,
    );
    expect(await open({ organisation }).check(never())).toMatchObject({ identity: organisation, managementKeyId: 'y' });
    await expect(open().check(never())).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
      detail: expect.stringContaining('`organisation`'),
    });
  });

  it('of another organisation than declared is refused', async () => {
    datadog([]);
    const other = organisation.replace('6', '7');
    await expect(open({ organisation: other }).check(never())).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
  });
});

describe('a probe', () => {
  it('asks every endpoint, with the key alone', async () => {
    server.answer((_, response) => json(response, 200, { valid: true }));
    const store = open({ endpoints: [server.url, server.url.replace('127.0.0.1', 'localhost')] });
    const { endpoints } = await store.probe({ keyId: '1', secret: new Secret('k'.repeat(32)) }, never());
    expect(endpoints.map(({ accepted }) => accepted)).toEqual([true, true]);
    for (const { headers, url } of server.seen) {
      expect(headers).toMatchObject({ 'dd-api-key': 'k'.repeat(32) });
      expect(headers).not.toHaveProperty('dd-application-key');
      expect(url).toBe('/api/v1/validate');
    }
  });

  it.each([
    [200, { valid: false }, false],
    [403, { errors: ['Forbidden'] }, false],
    [401, { errors: ['Unauthorized'] }, false],
  ])('%i %j is a refusal', async (status, body, accepted) => {
    server.answer((_, response) => json(response, status, body));
    expect((await open().probe({ keyId: '1', secret: new Secret('k'.repeat(32)) }, never())).endpoints[0]!.accepted).toBe(
      accepted,
    );
  });

  it('that one endpoint does not answer is no probe', async () => {
    server.answer((_, response) => json(response, 200, { valid: true }));
    const store = open({ endpoints: [server.url, 'http://127.0.0.1:9'] });
    await expect(store.probe({ keyId: '1', secret: new Secret('k'.repeat(32)) }, never())).rejects.toMatchObject({
      code: 'KR_STORE_UNAVAILABLE',
    });
  });
});

describe('a limit of the rate', () => {
  it('is waited out as long as Datadog says', async () => {
    server.answer((_, response) => json(response, 429, { errors: ['slow'] }, { 'x-ratelimit-reset': '12' }));
    await expect(open().list(never())).rejects.toMatchObject({ code: 'KR_STORE_RATE_LIMITED', retryAfterMs: 12_000 });
  });
});

describe('its configuration', () => {
  const management = { apiKey: 'env:A', applicationKey: 'env:B' };
  const parse = (entry: object) => connector.config.settings.safeParse({ management, ...entry });
  const messages = (entry: object) =>
    parse(entry)
      .error?.issues.map(({ message }) => message)
      .join() ?? '';

  it('fills in what is not said', () => {
    expect(parse({ site: 'datadoghq.eu' }).data).toEqual({
      url: 'https://api.datadoghq.eu',
      endpoints: ['https://api.datadoghq.eu'],
      management,
      organisation: null,
      timing: { request: 10_000, settle: 30_000, propagation: 60_000, lastUsedLag: 86_400_000 },
      accept: [],
    });
  });

  it.each([
    [{}, 'one of `site` and `url`'],
    [{ site: 'datadoghq.eu', url: 'https://x.example' }, 'one of `site` and `url`'],
    [{ site: 'datadog.example' }, 'expected one of'],
    [{ url: 'http://dd.example.com' }, 'plain-http'],
    [{ url: 'https://u:p@dd.example.com' }, 'user or a password'],
    [{ url: 'ftp://dd.example.com' }, 'expected an address'],
    [{ site: 'datadoghq.eu', endpoints: ['http://proxy.example'] }, 'plain-http'],
    [{ site: 'datadoghq.eu', timing: { settle: '1s' } }, 'short-timing'],
    [{ site: 'datadoghq.eu', accept: ['anything'] }, 'expected one of'],
  ])('refuses %j', (entry, message) => {
    expect(messages(entry)).toContain(message);
  });

  it('takes longer times without a word, and shorter ones by name', () => {
    expect(parse({ site: 'datadoghq.eu', timing: { lastUsedLag: '48h' } }).success).toBe(true);
    expect(parse({ site: 'datadoghq.eu', timing: { settle: '1s' }, accept: ['short-timing'] }).success).toBe(true);
    expect(parse({ url: 'http://dd.internal', accept: ['plain-http'] }).success).toBe(true);
  });
});
