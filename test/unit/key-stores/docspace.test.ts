import { describe, expect, it } from 'vitest';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { json } from '../http/server.js';
import {
  type Answer,
  bodyOf,
  enveloped,
  idOf,
  key,
  never,
  open,
  other,
  portal,
  sent,
  server,
  token,
  usePortal,
  user,
} from './docspace-portal.js';

usePortal();

describe('every call', () => {
  it('says whose it is in the one form that the portal takes for a key', async () => {
    portal([]);
    await open().list(never());
    expect(server.seen[0]).toMatchObject({ url: '/api/2.0/keys', headers: { authorization: `Bearer ${token}` } });
  });

  it('is not made with a token that is no key: a session ends, and has no @self', async () => {
    portal([]);
    for (const act of [(store: KeyStore) => store.check(never()), (store: KeyStore) => store.revoke(idOf(1), never())])
      await expect(act(open('eyJhbGciOi.e30.x'))).rejects.toMatchObject({ code: 'KR_STORE_UNAUTHORIZED' });
    expect(server.seen).toEqual([]);
  });

  it('that is answered 200 without being a success is none', async () => {
    server.answer((_, response) => json(response, 200, { ...enveloped([]), status: 1 }));
    await expect(open().list(never())).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
  });

  it.each([
    [{ status: 1, statusCode: 400, error: { message: 'Permissions are not valid.' } }, 'Permissions are not valid.'],
    [{ status: 1, statusCode: 400, response: { title: 'Not valid.', errors: { Name: ['too long'] } } }, 'Not valid. Name'],
  ])('that is refused tells why: %j', async (body, text) => {
    portal([], { POST: (response) => json(response, 400, body) });
    const request = { tag: 'rekey-aaaaaaaa-1', attributes: { permissions: ['*'] }, likeKeyId: null };
    await expect(open().create(request, never())).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
      detail: expect.stringContaining(text),
    });
  });
});

describe('the account', () => {
  it('is the user as whom keys act, and the management key is the one that asks', async () => {
    portal([key(1), key(2)]);
    expect(await open().check(never())).toEqual({ identity: `user ${user}`, managementKeyId: idOf(99), keys: 2, maxKeys: null });
  });

  it.each([[['*:read']], [['files:read', 'files:write']]])('is not managed with a key that may only %j', async (permissions) => {
    portal([], { 'GET @self': (response) => json(response, 200, enveloped(key(99, { permissions }))) });
    await expect(open().check(never())).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
      detail: expect.stringContaining('*:write'),
    });
  });

  it.each([[['*:write']], [['*']], [[]], [undefined]])('is managed with a key of the scopes %j', async (permissions) => {
    portal([], { 'GET @self': (response) => json(response, 200, enveloped(key(99, { permissions }))) });
    expect((await open().check(never())).managementKeyId).toBe(idOf(99));
  });
});

describe('a description', () => {
  const described = async (more: object) => {
    portal([key(1, more)]);
    return open().describe(idOf(1), never());
  };

  it('holds what the key may, as whom, and how long it lives, and nothing of its secret', async () => {
    expect(
      await described({
        permissions: ['rooms:read', 'files:read'],
        lastUsed: '2026-02-01T00:00:00Z',
        expiresAt: '2126-01-01T00:00:00Z',
      }),
    ).toEqual({
      id: idOf(1),
      name: 'key 1',
      state: 'live',
      rights: { permissions: ['files:read', 'rooms:read'], actsAs: user, expiresInDays: 36_524 },
      secretChanged: null,
    });
  });

  it.each([
    ['an empty list', []],
    ['nothing', undefined],
    ['an asterisk', ['*']],
    ['an asterisk among others', ['*', 'files:read']],
  ])('calls a key unrestricted where the portal shows %s', async (_, permissions) => {
    expect((await described({ permissions }))?.rights.permissions).toEqual(['*']);
  });

  it.each([
    [{ isActive: false }, 'disabled'],
    [{ isActive: true, expiresAt: '2026-01-02T00:00:00Z' }, 'expired'],
    [{ isActive: false, expiresAt: '2026-01-02T00:00:00Z' }, 'expired'],
  ])('of %j is %s', async (more, state) => {
    expect((await described(more))?.state).toBe(state);
  });

  it('counts what it does not know as a right, dates and people aside', async () => {
    const rights = (await described({ ipRestriction: '10.0.0.0/8', modifiedOn: 'x', modifiedBy: { id: other } }))?.rights;
    expect(rights).toEqual({ permissions: ['files:read'], actsAs: user, expiresInDays: null, ipRestriction: '10.0.0.0/8' });
  });
});

describe('a new key', () => {
  const made = (response: Answer) => json(response, 200, enveloped({ ...key(7), name: 't', key: `sk-${'f'.repeat(64)}` }));
  const create = (attributes: object, likeKeyId: string | null) =>
    open().create({ tag: 'rekey-aaaaaaaa-1', attributes: attributes as never, likeKeyId }, never());

  it('takes over what the other may and how long it lives, whatever the file says by now', async () => {
    portal([key(1, { expiresAt: '2026-04-01T00:00:00+02:00' })], { POST: made });
    await create({ permissions: ['*'], expiresInDays: 1 }, idOf(1));
    expect(bodyOf('POST')).toEqual({ name: 'rekey-aaaaaaaa-1', permissions: ['files:read'], expiresInDays: 90 });
  });

  it('is unrestricted in words where the other is, since an empty list is refused by newer servers', async () => {
    portal([key(1, { permissions: [] })], { POST: made });
    await create({}, idOf(1));
    expect(bodyOf('POST')).toEqual({ name: 'rekey-aaaaaaaa-1', permissions: ['*'] });
  });

  it.each([
    ['the other acts as another user', { createBy: { id: other } }, 'acts as user'],
    ['the other has a right that cannot be given', { ipRestriction: '10.0.0.0/8' }, 'ipRestriction'],
  ])('is not made where %s', async (_, more, text) => {
    portal([key(1, more)], { POST: made });
    await expect(create({}, idOf(1))).rejects.toMatchObject({ code: 'KR_STORE_REFUSED', detail: expect.stringContaining(text) });
    expect(sent('POST')).toEqual([]);
  });

  it('is not made where the other is gone, nor as a first one that nobody restricted', async () => {
    portal([], { POST: made });
    await expect(create({ permissions: ['*'] }, idOf(1))).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
    await expect(create({}, null)).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
      detail: expect.stringContaining('permissions'),
    });
    expect(sent('POST')).toEqual([]);
  });

  it('is taken with 201 as well, as the documentation has it', async () => {
    portal([], {
      POST: (response) => json(response, 201, { ...enveloped({ id: idOf(7), name: 't', key: 'sk-x' }), statusCode: 201 }),
    });
    expect((await create({ permissions: ['*'] }, null)).secret.reveal()).toBe('sk-x');
  });

  it('is waited for where five were made in a quarter of an hour', async () => {
    portal([], { POST: (response) => response.writeHead(429, { 'retry-after': '871' }).end() });
    await expect(create({ permissions: ['*'] }, null)).rejects.toMatchObject({
      code: 'KR_STORE_RATE_LIMITED',
      retryAfterMs: 871_000,
    });
  });
});

describe('a tag', () => {
  it('is found at the beginning of a word of the name', async () => {
    portal([
      key(1, { name: 'rekey-aaaaaaaa-1' }),
      key(2, { name: 'x rekey-aaaaaaaa-2' }),
      key(3, { name: 'not-rekey-aaaaaaaa-3' }),
    ]);
    expect((await open().findByTag('rekey-aaaaaaaa-', never())).map(({ id }) => id)).toEqual([idOf(1), idOf(2)]);
  });
});

describe('the last use', () => {
  it.each([
    ['2026-06-15T12:30:00.0000000+02:00', '2026-06-15T10:30:00.000Z'],
    ['2026-06-15T10:30:00.0000000Z', '2026-06-15T10:30:00.000Z'],
    ['yesterday', 'yesterday'],
    [undefined, null],
  ])('%s reads as %s, in whatever zone the portal is', async (lastUsed, expected) => {
    portal([key(1, { lastUsed })]);
    expect(await open().lastUsed!(idOf(1), never())).toBe(expected);
  });
});

describe('a probe', () => {
  const probe = () => open().probe({ keyId: idOf(1), secret: new Secret('sk-probed') }, never());

  it('asks with the key alone for the key itself', async () => {
    portal([]);
    expect((await probe()).endpoints).toEqual([{ endpoint: new URL(server.url).host, accepted: true }]);
    expect(server.seen).toMatchObject([{ url: '/api/2.0/keys/@self', headers: { authorization: 'Bearer sk-probed' } }]);
  });

  it('believes a bare 401, and no page that somebody in between has put there', async () => {
    server.answer((_, response) => response.writeHead(401).end());
    expect((await probe()).endpoints[0]!.accepted).toBe(false);
    server.answer((_, response) => response.writeHead(401, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'));
    await expect(probe()).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
  });
});
