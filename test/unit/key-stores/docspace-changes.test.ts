import { describe, expect, it } from 'vitest';
import type { KeyImage } from '../../../activities/ports/key-store.js';
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
  usePortal,
  user,
} from './docspace-portal.js';

usePortal();

describe('revoking', () => {
  const fails = (response: Answer) =>
    json(response, 500, { status: 1, statusCode: 500, error: { message: 'Object reference not set' } });

  it('takes a 500 for what it is: the answer for a key that is gone, if it is gone', async () => {
    portal([key(2)], { DELETE: fails });
    await open().revoke(idOf(1), never());
    expect(sent('DELETE')).toHaveLength(1);
  });

  it('leaves it unclear where the key is still there, or nobody can look', async () => {
    portal([key(1)], { DELETE: fails });
    await expect(open().revoke(idOf(1), never())).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR' });
    portal([], { DELETE: fails, GET: (response) => json(response, 503, {}, { 'retry-after': '3' }) });
    await expect(open().revoke(idOf(1), never())).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR', retryAfterMs: 3000 });
  });

  it('does not take a portal that is suspended, and answers 404 to everything, for one without the key', async () => {
    const suspended = (response: Answer) => json(response, 404, { status: 1, error: { message: 'Portal is suspended' } });
    portal([], { DELETE: suspended, GET: suspended });
    await expect(open().revoke(idOf(1), never())).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR' });
  });

  it('takes `false` for a refusal', async () => {
    portal([key(1)], { DELETE: (response) => json(response, 200, enveloped(false)) });
    await expect(open().revoke(idOf(1), never())).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
  });

  it('asks for no id that no key can have', async () => {
    portal([]);
    await open().revoke('../portal', never());
    expect(server.seen).toEqual([]);
  });
});

describe('the switch', () => {
  const flips = (isActive: boolean) => {
    let active = !isActive;
    portal([], {
      PUT: (response, body) => {
        active = JSON.parse(body).isActive;
        json(response, 200, enveloped(true));
      },
      'GET keys': (response) => json(response, 200, enveloped([key(1, { isActive: active })])),
    });
    return { undo: () => (active = !isActive) };
  };
  const turn = (isActive: boolean) =>
    isActive
      ? open().enable!({ keyId: idOf(1), secret: new Secret('x'), rights: {} }, never())
      : open().disable!(idOf(1), never());

  it.each([true, false])('sends nothing else, and looks whether it holds: %s', async (isActive) => {
    flips(isActive);
    await turn(isActive);
    expect(bodyOf('PUT')).toEqual({ isActive });
    expect(server.seen.map(({ method }) => method)).toEqual(['PUT', 'GET']);
  });

  it.each([true, false])('has not been turned where an authentication has written the old state back: %s', async (isActive) => {
    const { undo } = flips(isActive);
    setTimeout(undo, 200);
    await expect(turn(isActive)).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR' });
    expect(sent('PUT')).toHaveLength(1);
  });

  it.each([
    ['is expired, or another user’s', (response: Answer) => json(response, 200, enveloped(false))],
    ['is gone', (response: Answer) => json(response, 500, { status: 1, error: { message: 'null' } })],
  ])('of a key that %s is refused', async (_, PUT) => {
    portal([], { PUT });
    await expect(turn(false)).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
  });

  it('that is cancelled while it looks has been turned or not', async () => {
    flips(false);
    await expect(open().disable!(idOf(1), AbortSignal.timeout(250))).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR' });
    expect(sent('PUT')).toHaveLength(1);
  });
});

describe('a change', () => {
  const image = (rights: object, state: KeyImage['state'] = 'live'): KeyImage => ({
    name: 'new',
    rights: rights as never,
    state,
  });
  const present = { actsAs: user, expiresInDays: null };

  it('sends everything that can be changed, although what is left out would stay', async () => {
    portal([key(1)]);
    await open().update!(idOf(1), image({ ...present, permissions: ['rooms:read'] }, 'disabled'), never());
    expect(bodyOf('PUT')).toEqual({ name: 'new', permissions: ['rooms:read'], isActive: false });
  });

  it.each([
    ['whom it acts as', { ...present, permissions: ['*'], actsAs: other }, 'actsAs'],
    ['how long it lives', { ...present, permissions: ['*'], expiresInDays: 30 }, 'expiresInDays'],
    ['what is not known', { ...present, permissions: ['*'], colour: 'red' }, 'colour'],
    ['its permissions into none', { ...present, permissions: [] }, 'permissions'],
    ['its permissions into silence', present, 'permissions'],
  ])('of %s is refused before anything is sent', async (_, rights, text) => {
    portal([key(1)]);
    await expect(open().update!(idOf(1), image(rights), never())).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
      detail: expect.stringContaining(text),
    });
    expect(sent('PUT')).toEqual([]);
  });

  it('that fails at the server is unclear', async () => {
    portal([key(1)], { PUT: (response) => json(response, 500, { status: 1, error: { message: 'x' } }) });
    await expect(open().update!(idOf(1), image({ permissions: ['*'] }), never())).rejects.toMatchObject({
      code: 'KR_STORE_UNCLEAR',
    });
  });
});
