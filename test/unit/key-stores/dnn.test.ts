import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { config, toggles, unpublishedCalls } from '../../../activities/connectors/key-stores/dnn/config.js';
import { connector } from '../../../activities/connectors/key-stores/dnn/key-store.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { json, startServer, type TestServer } from '../http/server.js';

const never = () => new AbortController().signal;
const token = 'eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl';
const value = '0123456789abcdef0123456789abcdef';
const secret = new Secret(value);
const key = { id: 'k-1', name: 'site apps', key: value, permissions: ['sc-type:read', 'sc-item:write'] };
const denied = { message: 'Authorization has been denied for this request.' };
const all = Object.keys(unpublishedCalls);
const withToken = { management: { token: 'env:TOKEN' }, accept: all };

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

function open(more: object = {}): KeyStore {
  const settings = connector.config.settings.parse({ url: `${server.url}/content`, site: 'www.example.com', ...more });
  return connector.open(JSON.parse(JSON.stringify(settings)), {
    name: 'dnn',
    userAgent: 'rekey/0.1.0 (here; 7)',
    resolve: async () => new Secret(token),
  });
}

/**
 * Answers like DNN: a number is a refusal with that status, everything else a 200; what is not
 * named is a 404.
 */
function dnn(answers: Record<string, unknown>): void {
  server.answer(({ method, url }, response) => {
    const answer = answers[`${method} ${url.split('?')[0]!.replace('/content/api', '')}`];
    if (typeof answer === 'number') return json(response, answer, answer === 401 ? denied : { message: 'no' });
    return answer === undefined ? json(response, 404, { message: 'not found' }) : json(response, 200, answer);
  });
}
const asked = () => server.seen.map(({ method, url }) => `${method} ${url.replace('/content/api', '')}`);
const documents = (...rows: unknown[]) => ({ documents: rows, totalResultCount: rows.length });
const endpoints = async (store: KeyStore) =>
  (await store.probe({ keyId: 'k-1', secret }, never())).endpoints.map(({ endpoint, accepted }) => [
    endpoint.replace(/^\S+ /, ''),
    accepted,
  ]);

describe('without a token of a host', () => {
  it('everything is left to a person, and the file need not say so', () => {
    const { management } = config.settings.parse({ site: 'www.example.com' });
    expect(management).toBeNull();
    expect(config.manualBy!(config.settings.parse({ site: 'x' }))).toEqual(['mint', 'regenerate', 'revoke']);
    expect(config.manualBy!(config.settings.parse({ site: 'x', ...withToken }))).toEqual([]);
    const { capabilities, readSecret, update } = open();
    expect(capabilities).toMatchObject({ listsKeys: false, secretReadable: 'never' });
    expect([readSecret, update]).toEqual([undefined, undefined]);
  });

  it('check looks whether the service is there, and asks for no right', async () => {
    for (const answer of [{ version: '1' }, 401]) {
      dnn({ 'GET /version': answer });
      expect(await open().check(never())).toEqual({
        identity: `${new URL(server.url).host}/www.example.com`,
        managementKeyId: null,
        keys: 0,
        maxKeys: null,
      });
    }
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    dnn({});
    await expect(open().check(never())).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
  });

  it('nothing is listed, and nothing is sent for it', async () => {
    const store = open();
    expect(await store.list(never())).toEqual([]);
    expect(await store.findByTag('rekey-', never())).toEqual([]);
    expect(await store.describe('k-1', never())).toBeNull();
    expect(server.seen).toEqual([]);
  });

  it('an effect says that a person does it', async () => {
    const store = open();
    for (const effect of [
      () => store.create({ tag: 't', attributes: { name: 'a', permissions: ['read-content-items'] }, likeKeyId: null }, never()),
      () => store.regenerate!('k-1', never()),
      () => store.revoke('k-1', never()),
    ])
      await expect(effect()).rejects.toMatchObject({
        code: 'KR_STORE_REFUSED',
        detail: expect.stringContaining('a person does it'),
      });
    expect(server.seen).toEqual([]);
  });

  it.each([
    ['items alone', { 'GET /ContentItems': documents(), 'GET /ContentTypes': 401 }, true],
    ['types alone', { 'GET /ContentItems': 401, 'GET /ContentTypes': documents() }, true],
    ['neither', { 'GET /ContentItems': 401, 'GET /ContentTypes': 401 }, false],
  ])('a key that may read %s is accepted: %s', async (_, answers, accepted) => {
    dnn(answers);
    expect(await endpoints(open())).toEqual([['content', accepted]]);
    expect(server.seen.every(({ headers }) => headers.authorization === `Bearer ${value}`)).toBe(true);
  });

  it('a key is asked for what every key of the store is said to be allowed', async () => {
    dnn({ 'GET /ContentItems': documents(), 'GET /ContentTypes': 401 });
    expect(await endpoints(open({ reads: ['content-types', 'content-items'] }))).toEqual([
      ['content types', false],
      ['content items', true],
    ]);
  });

  it.each([
    [{ id: 'i-1' }, true],
    [404, false],
    [401, false],
  ])('a key of another site is told by an item that only this one has: %j', async (answer, accepted) => {
    dnn({ 'GET /ContentItems': documents(), 'GET /ContentItems/i-1': answer });
    expect(await endpoints(open({ contentItem: 'i-1' }))).toEqual([
      ['content', true],
      ['of www.example.com', accepted],
    ]);
  });

  it('an answer that is not the vendor’s own says nothing about a key', async () => {
    for (const answer of [503, documents().documents]) {
      dnn({ 'GET /ContentItems': answer });
      await expect(endpoints(open())).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
    }
    server.answer((_, response) => void response.writeHead(401, { 'content-type': 'text/html' }).end('<html>'));
    await expect(endpoints(open())).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
  });
});

describe('calls that DNN does not publish', () => {
  const attributes = { name: 'a', permissions: ['read-content-items'] };
  const needs: [string, (store: KeyStore) => Promise<unknown>][] = [
    ['dnn-apikeys-calls', (store) => store.check(never())],
    ['dnn-host-token', (store) => store.list(never())],
    ['dnn-apikeys-calls', (store) => store.create({ tag: 't', attributes, likeKeyId: null }, never())],
    ['dnn-apikeys-calls', (store) => store.readSecret!('k-1', never())],
    ['dnn-apikeys-calls', (store) => store.revoke('k-1', never())],
    ['dnn-host-token', (store) => store.update!('k-1', { name: 'a', rights: {}, state: 'live' }, never())],
    ['dnn-reset-call', (store) => store.regenerate!('k-1', never())],
  ];
  it.each(needs)('%s is made only if it is accepted by name', async (name, act) => {
    dnn({});
    const store = open({ ...withToken, accept: all.filter((other) => other !== name) });
    await expect(act(store)).rejects.toMatchObject({
      code: 'KR_ASSUMPTION_NOT_ACCEPTED',
      detail: expect.stringContaining(name),
    });
    expect(server.seen).toEqual([]);
  });

  it('can be corrected: path, verb, fields and the words of the toggles', async () => {
    const shown = { Id: 7, Title: 'a', Value: value, Scopes: ['items.read', 'something.new'] };
    dnn({ 'PATCH /Keys/7/renew': shown, 'GET /Keys/7': shown });
    const calls = {
      keys: { path: '/api/Keys' },
      reset: { method: 'PATCH', path: '/api/Keys/{id}/renew' },
      fields: { id: 'Id', name: 'Title', key: 'Value', permissions: 'Scopes' },
      permissions: { 'read-content-items': 'items.read' },
    };
    const store = open({ ...withToken, calls });
    expect((await store.regenerate!('7', never())).secret.reveal()).toBe(value);
    expect(await store.describe('7', never())).toMatchObject({
      id: '7',
      name: 'a',
      rights: { permissions: ['read-content-items', 'something.new'] },
    });
  });

  it('answered without the value are unclear, not done', async () => {
    dnn({ 'POST /ApiKeys/k-1/reset': { ...key, key: null }, 'POST /ApiKeys': { success: true } });
    const store = open(withToken);
    for (const effect of [
      () => store.regenerate!('k-1', never()),
      () => store.create({ tag: 't', attributes, likeKeyId: null }, never()),
    ])
      await expect(effect()).rejects.toMatchObject({ code: 'KR_STORE_UNCLEAR' });
  });

  it('refused say that a dead credential and a weak one look alike', async () => {
    dnn({ 'GET /ApiKeys': 401 });
    await expect(open(withToken).check(never())).rejects.toMatchObject({
      code: 'KR_STORE_UNAUTHORIZED',
      detail: expect.stringContaining('lacks the right, alike'),
    });
  });
});

describe("with a host's token", () => {
  it('a key that follows another takes over its toggles, whatever the file says by now', async () => {
    dnn({ 'GET /ApiKeys/k-1': key, 'POST /ApiKeys': { ...key, id: 'k-2' } });
    await open(withToken).create(
      { tag: 't', attributes: { name: 'a', permissions: ['read-content-types'] }, likeKeyId: 'k-1' },
      never(),
    );
    expect(JSON.parse(server.seen.at(-1)!.body)).toEqual({ name: 'a t', permissions: key.permissions });
  });

  it('a first key gets what the file says, and none is made that could do nothing', async () => {
    dnn({ 'POST /ApiKeys': key });
    const store = open(withToken);
    const make = (attributes: object) =>
      store.create({ tag: 't', attributes: { name: 'a', ...attributes }, likeKeyId: null }, never());
    await make({ permissions: ['read-content-types'] });
    expect(JSON.parse(server.seen.at(-1)!.body)).toEqual({ name: 'a t', permissions: ['sc-type:read'] });
    await expect(make({})).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    [['sc-item:read'], ['/ContentItems']],
    [['sc-type:write'], ['/ContentTypes']],
    [
      ['sc-item:write', 'sc-type:read'],
      ['/ContentItems', '/ContentTypes'],
    ],
  ])('a key with %j is asked for that alone, since a weak key looks dead', async (permissions, reads) => {
    dnn({ 'GET /ApiKeys/k-1': { ...key, permissions }, 'GET /ContentItems': documents(), 'GET /ContentTypes': documents() });
    expect((await endpoints(open(withToken))).every(([, accepted]) => accepted)).toBe(true);
    expect(asked()).toEqual(['GET /ApiKeys/k-1', ...reads.map((read) => `GET ${read}?maxItems=1`)]);
  });

  it('the mark of a change is one of the value, and does not show it', async () => {
    const store = open(withToken);
    const mark = async (shown: object) => {
      dnn({ 'GET /ApiKeys/k-1': { ...key, ...shown } });
      return (await store.describe('k-1', never()))!.secretChanged!;
    };
    expect(await mark({ name: 'renamed', updatedAt: 'now' })).toBe(await mark({}));
    expect(await mark({ key: 'f'.repeat(32) })).not.toBe(await mark({}));
    expect(value).not.toContain(await mark({}));
  });

  it('a change replaces name and toggles, and cannot disable', async () => {
    dnn({ 'PUT /ApiKeys/k-1': key });
    const store = open(withToken);
    const rights = { permissions: ['read-content-items', 'something.new'] };
    await store.update!('k-1', { name: 'b', rights, state: 'live' }, never());
    expect(JSON.parse(server.seen.at(-1)!.body)).toEqual({ name: 'b', permissions: ['sc-item:read', 'something.new'] });
    await expect(store.update!('k-1', { name: 'b', rights, state: 'disabled' }, never())).rejects.toMatchObject({
      code: 'KR_STORE_REFUSED',
    });
  });

  it('a list of several pages is read to its end, and again when it moved', async () => {
    const keys = Array.from({ length: 230 }, (_, at) => ({ ...key, id: `k-${at}` }));
    let rows = keys;
    server.answer(({ url }, response) => {
      const start = Number(new URL(url, server.url).searchParams.get('startIndex'));
      json(response, 200, { documents: rows.slice(start, start + 100), totalResultCount: rows.length });
      rows = keys.slice(1);
    });
    expect((await open(withToken).list(never())).map(({ id }) => id)).toEqual(keys.slice(1).map(({ id }) => id));
  });
});

describe('what a person is told', () => {
  const facts = { store: 'dnn', keyName: 'rekey-abcdefgh-0123456789abc', keyId: 'site apps', attributes: { name: 'a' } };
  const told = (effect: 'mint' | 'regenerate' | 'revoke', more: object = {}) =>
    config.instructions![effect]!({ ...facts, ...more }).join('\n');

  it('leads to the keys of the right site, each time', () => {
    for (const effect of ['mint', 'regenerate', 'revoke'] as const) {
      expect(told(effect)).toMatch(/^Sign in as a host/);
      expect(told(effect)).toContain('Persona Bar > Content > Content Library');
      expect(told(effect)).toContain(facts.keyName);
    }
  });

  it('names the toggles of a new key as the form does', () => {
    const permissions = ['read-write-content-items', 'read-content-types'];
    expect(told('mint', { keyId: null, attributes: { name: 'a', permissions } })).toContain(
      'Switch on: Read/Write Content Items, Read Content Types; and nothing else',
    );
    expect(told('mint', { keyId: null })).toContain('the same as on the key that it replaces');
  });

  it('warns before the reset, not behind it', () => {
    const text = told('regenerate');
    expect(text.indexOf('cannot be undone')).toBeGreaterThan(0);
    expect(text.indexOf('cannot be undone')).toBeLessThan(text.indexOf('Click Reset Key'));
    expect(text).toContain('before Save');
  });
});

describe('a change of toggles', () => {
  const widens = (before: string[], after: string[]) => config.widens!({ permissions: before }, { permissions: after });

  it('opens what was not there, and nothing when it narrows', () => {
    expect(widens(['read-content-items'], ['read-content-items'])).toEqual([]);
    expect(widens(['read-content-items'], [])).toEqual([]);
    for (const [toggle, { label }] of Object.entries(toggles)) expect(widens([], [toggle])).toEqual([`it gets ${label}`]);
    expect(widens([], ['something.new'])[0]).toContain('does not know');
  });
});
