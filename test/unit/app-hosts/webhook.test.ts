import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connector } from '../../../activities/connectors/app-hosts/webhook/app-host.js';
import { signatureHeaders } from '../../../activities/connectors/app-hosts/webhook/signature.js';
import { Secret } from '../../../activities/ports/secret.js';
import type { RekeyError } from '../../../workflows/domain/errors.js';
import { json, startServer, type TestServer } from '../http/server.js';

const secret = new Secret('f1e2d3c4b5a6978877665544332211ff');
const consumer = { name: 'web-1', host: 'hook', settings: {} };
const known = [{ generation: 2, keyId: 'b', secret }];
const never = () => new AbortController().signal;

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => {
  server.seen.length = 0;
});
afterAll(() => server.close());

const open = () => {
  const settings = connector.config.settings.parse({ url: `${server.url}/rekey`, management: { signingKey: 'env:K' } });
  return connector.open(
    settings,
    { name: 'hook', userAgent: 'rekey/0 (h; 1)', resolve: async () => new Secret('the key') },
    null,
  );
};
const delivery = (generation = 2, number = 1, spec = consumer) => ({
  consumer: spec,
  version: { generation, keyId: 'b', secret },
  otherKeys: [],
  fence: { ledgerId: 'l', number },
});
const answer = (status: number, body: unknown) => server.answer((_, response) => json(response, status, body));
const ids = () => server.seen.map(({ headers }) => headers['webhook-id']);
const failure = (promise: Promise<unknown>) => promise.catch((error: RekeyError) => error);

describe('a request', () => {
  it('is signed as the specification has it', () => {
    const key = new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const at = new Date(1614265330_999);
    expect(signatureHeaders(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', at, '{"test": 2432232314}')).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is signed over the very bytes that are sent, now', async () => {
    answer(200, {});
    await open().deliver(delivery(), never());
    const [{ headers, body, url }] = server.seen as [TestServer['seen'][number]];
    const at = new Date(Number(headers['webhook-timestamp']) * 1000);
    expect(Math.abs(Date.now() - at.getTime())).toBeLessThan(10_000);
    expect(headers).toMatchObject(signatureHeaders(new Secret('the key'), `${headers['webhook-id']}`, at, body));
    expect(url).toBe('/rekey');
    expect(JSON.parse(body)).toEqual({
      type: 'deliver',
      consumer: 'web-1',
      ledger: 'l',
      fence: 1,
      generation: 2,
      secret: secret.reveal(),
    });
    expect(JSON.stringify(headers)).not.toContain(secret.reveal().slice(0, 8));
  });
});

describe('the id of a step', () => {
  beforeEach(() => answer(200, {}));

  it('stays when a delivery is repeated, by whichever worker', async () => {
    for (const host of [open(), open()]) await host.deliver(delivery(), never());
    expect(new Set(ids()).size).toBe(1);
  });

  it.each([
    ['generation', delivery(3)],
    ['fence', delivery(2, 2)],
    ['consumer', delivery(2, 1, { ...consumer, name: 'web-2' })],
  ])('is another for another %s', async (_, other) => {
    await open().deliver(delivery(), never());
    await open().deliver(other, never());
    expect(new Set(ids()).size).toBe(2);
  });

  it('of a reload is the same for one delivery, and another for the next', async () => {
    const host = open();
    await host.deliver(delivery(), never());
    await host.apply(consumer, never());
    await host.apply(consumer, never());
    await host.deliver(delivery(3), never());
    await host.apply(consumer, never());
    const [delivered, first, second, , third] = ids();
    expect(second).toBe(first);
    expect(new Set([delivered, first, third]).size).toBe(3);
  });

  it('of a reload without a delivery is never one that was done already', async () => {
    await open().apply(consumer, never());
    await open().apply(consumer, never());
    expect(new Set(ids()).size).toBe(2);
  });
});

describe('an answer', () => {
  const shown = {
    state: 'running',
    healthy: true,
    source: secret.fingerprint,
    instances: [
      { id: 'a', fingerprint: secret.fingerprint, evidence: 'loaded' },
      { id: 'b', fingerprint: 'abcdefghijkl', evidence: 'uses' },
    ],
  };

  it('shows what runs on a key that we know, and claims nothing of another', async () => {
    answer(200, shown);
    expect(await open().inspect(consumer, known, never())).toEqual({
      consumer: 'web-1',
      showsSource: true,
      state: 'running',
      healthy: true,
      authenticationFailed: false,
      source: 2,
      instances: [
        { id: 'a', generation: 2, evidence: 'loaded' },
        { id: 'b', generation: null, evidence: 'none' },
      ],
      detail: '',
    });
  });

  it('with a key in it is not repeated', async () => {
    answer(200, { ...shown, detail: `it holds ${secret.reveal()}`, instances: [{ ...shown.instances[0], id: secret.reveal() }] });
    expect(JSON.stringify(await open().inspect(consumer, known, never()))).not.toContain(secret.reveal().slice(0, 8));
  });

  it.each([
    ['a state that is not known', { ...shown, state: 'fine' }],
    ['an evidence that is none', { ...shown, instances: [{ ...shown.instances[0], evidence: 'sure' }] }],
    ['no word about the source', { ...shown, source: undefined }],
    ['a source that is no fingerprint', { ...shown, source: secret.reveal() }],
  ])('with %s is no answer', async (_, body) => {
    answer(200, body);
    expect(await failure(open().inspect(consumer, known, never()))).toMatchObject({ code: 'KR_HOST_UNAVAILABLE' });
  });

  it.each([
    [409, { error: 'older', fence: 9 }, { code: 'KR_HOST_FENCED', heldFence: 9 }],
    [409, { error: 'older' }, { code: 'KR_HOST_UNCLEAR' }],
    [401, { error: 'not signed' }, { code: 'KR_HOST_REFUSED', detail: expect.stringContaining('not signed') }],
    [404, { error: 'no such program' }, { code: 'KR_HOST_REFUSED' }],
    [500, { error: 'oh' }, { code: 'KR_HOST_UNCLEAR' }],
  ])('of %i %j to a delivery', async (status, body, expected) => {
    answer(status, body);
    expect(await failure(open().deliver(delivery(), never()))).toMatchObject(expected);
  });
});

describe('its configuration', () => {
  const management = { signingKey: 'env:K' };
  it.each([
    [{ url: 'http://receiver.example.com/rekey', management }],
    [{ url: 'https://user:word@receiver.example.com/', management }],
    [{ url: 'receiver.example.com', management }],
    [{ url: 'https://receiver.example.com/' }],
    [{ url: 'https://receiver.example.com/', management, colour: 'red' }],
  ])('refuses %j', (settings) => {
    expect(connector.config.settings.safeParse(settings).success).toBe(false);
  });

  it.each([['https://receiver.example.com/rekey'], ['http://127.0.0.1:8080/'], ['http://localhost']])('takes %s', (url) => {
    expect(connector.config.settings.safeParse({ url, management }).success).toBe(true);
  });
});
