import { createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Call, HttpClient } from '../../../activities/connectors/http/client.js';
import { storeFaults } from '../../../activities/connectors/http/faults.js';
import { Secret } from '../../../activities/ports/secret.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { json, startServer, type TestServer } from './server.js';

const faultBody = z.object({ errors: z.array(z.string()) });
const key = new Secret('0f5a8c77e1b94d02a6c3d1e4b5f60718');

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

function client(options: { url?: string; deadline?: number; bareStatuses?: number[] } = {}): HttpClient {
  return new HttpClient({
    label: 'store',
    baseUrl: options.url ?? server.url,
    userAgent: 'rekey/0.1.0 (here; 7)',
    deadline: options.deadline ?? 2000,
    faults: storeFaults,
    faultText: (body) => faultBody.safeParse(body).data?.errors.join('; ') ?? null,
    ...(options.bareStatuses && { bareStatuses: options.bareStatuses }),
  });
}

const get: Call = { title: 'read a key', method: 'GET', path: '/keys/1', answers: [200, 404], headers: { 'x-key': key } };
const post: Call = {
  title: 'create a key',
  method: 'POST',
  path: '/keys',
  answers: [201],
  headers: { 'x-key': key },
  body: { name: 'a' },
};
const forever = () => new AbortController().signal;

async function failure(promise: Promise<unknown>): Promise<RekeyError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RekeyError);
  return error as RekeyError;
}

describe('a call', () => {
  it('names rekey honestly, speaks JSON, and reveals secrets on the wire only', async () => {
    server.answer((_, response) => json(response, 201, { id: 1 }));
    await client({ url: `${server.url}/prefix/` }).effect(
      { ...post, query: { a: 'b c' }, body: { secret: key, list: [key] } },
      forever(),
    );
    const [request] = server.seen;
    expect(request).toMatchObject({ method: 'POST', url: '/prefix/keys?a=b+c' });
    expect(request!.headers).toMatchObject({
      'user-agent': 'rekey/0.1.0 (here; 7)',
      'content-type': 'application/json',
      'x-key': key.reveal(),
    });
    expect(JSON.parse(request!.body)).toEqual({ secret: key.reveal(), list: [key.reveal()] });
  });

  it('is made once, whatever the answer', async () => {
    server.answer((_, response) => json(response, 503, {}));
    await failure(client().observe(get, forever()));
    await failure(client().effect(post, forever()));
    expect(server.seen).toHaveLength(2);
  });

  it('never follows a redirect, which would carry the credential elsewhere', async () => {
    server.answer((_, response) => response.writeHead(302, { location: `${server.url}/elsewhere` }).end());
    expect((await failure(client().observe(get, forever()))).code).toBe('KR_STORE_UNAVAILABLE');
    expect(await failure(client().effect(post, forever()))).toMatchObject({
      code: 'KR_STORE_UNCLEAR',
      detail: expect.stringContaining('elsewhere'),
    });
    expect(server.seen).toHaveLength(2);
  });
});

describe('a refusal of the vendor', () => {
  it.each([
    [400, 'KR_STORE_REFUSED'],
    [401, 'KR_STORE_UNAUTHORIZED'],
    [403, 'KR_STORE_REFUSED'],
    [409, 'KR_STORE_REFUSED'],
    [429, 'KR_STORE_RATE_LIMITED'],
  ])('%i means that nothing happened: %s', async (status, code) => {
    server.answer((_, response) => json(response, status, { errors: ['no'] }));
    expect(await failure(client().effect(post, forever()))).toMatchObject({
      code,
      effect: 'none',
      detail: expect.stringContaining('no'),
    });
  });

  it('is scrubbed and bounded before anybody sees it', async () => {
    const echo = `bad key ${key.reveal()} (${key.reveal().slice(0, 9)}…) sk-live-1234567890abcdef ${'long '.repeat(100)}`;
    server.answer((_, response) => json(response, 400, { errors: [echo] }));
    const { detail } = await failure(client().effect(post, forever()));
    expect(detail).toContain('bad key [removed] ([removed]…) [removed] long');
    expect(detail).not.toContain(key.reveal().slice(0, 8));
    expect(detail.length).toBeLessThan(260);
  });

  it.each([
    ['in seconds', { 'retry-after': '7' }, 7000],
    [
      'as a date, by its own clock',
      { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT', date: 'Thu, 01 Jan 2026 00:00:10 GMT' },
      20_000,
    ],
    ['beyond all reason', { 'retry-after': '99999999' }, 86_400_000],
    ['in the past', { 'retry-after': 'Thu, 01 Jan 2026 00:00:00 GMT', date: 'Thu, 01 Jan 2026 00:00:10 GMT' }, 0],
    ['not at all', {}, undefined],
    ['as nonsense', { 'retry-after': 'soon' }, undefined],
  ])('keeps the wish to wait: %s', async (_, headers: Record<string, string>, expected) => {
    server.answer((_request, response) => json(response, 429, {}, headers));
    expect((await failure(client().observe(get, forever()))).retryAfterMs).toBe(expected);
    server.answer((_request, response) => json(response, 503, {}, headers));
    expect((await failure(client().effect(post, forever()))).retryAfterMs).toBe(expected);
  });
});

describe('an answer that cannot be believed is a lost one', () => {
  const html = (status: number): [string, number, string, string] => ['a web page', status, 'text/html', '<html>blocked</html>'];
  it.each<[string, number, string, string]>([
    html(200),
    html(201),
    html(403),
    html(404),
    html(502),
    ['no content type', 200, '', '{}'],
    ['another content type', 201, 'text/plain', '{"id":1}'],
    ['cut JSON', 201, 'application/json', '{"id":'],
    ['nothing', 201, 'application/json', ''],
    ['nothing', 404, 'application/json', ''],
    ['an answer that the call does not have', 202, 'application/json', '{}'],
    ['the vendor giving up on us', 408, 'application/json', '{}'],
    ['a fault of the vendor', 500, 'application/json', '{}'],
  ])('%s with %i', async (_, status, type, body) => {
    server.answer((_request, response) => response.writeHead(status, type ? { 'content-type': type } : {}).end(body));
    expect((await failure(client().observe({ ...get, answers: [200, 201, 404] }, forever()))).code).toBe('KR_STORE_UNAVAILABLE');
    expect((await failure(client().effect(post, forever()))).code).toBe('KR_STORE_UNCLEAR');
  });

  it('and says when it came from a proxy', async () => {
    server.answer((_, response) => response.writeHead(403, { 'content-type': 'text/html; charset=utf-8' }).end('<html>'));
    expect((await failure(client().observe(get, forever()))).detail).toMatch(/403 Forbidden, but the answer is a web page/);
  });

  it('a shape that is not known, without quoting it', async () => {
    server.answer((_, response) => json(response, 201, { id: key.reveal() }));
    const reply = await client().effect(post, forever());
    const error = await failure((async () => reply.read(z.object({ id: z.number() })))());
    expect(error).toMatchObject({ code: 'KR_STORE_UNCLEAR', detail: expect.stringMatching(/lacks what it must hold: id$/) });
  });

  it('unless the vendor is known to say it with a bare status', async () => {
    server.answer((_, response) => response.writeHead(401, { 'content-type': 'text/html' }).end('<html>'));
    const { code } = await failure(client({ bareStatuses: [401] }).observe(get, forever()));
    expect(code).toBe('KR_STORE_UNAUTHORIZED');
    const reply = await client({ bareStatuses: [401] }).observe({ ...get, answers: [200, 401] }, forever());
    expect(reply).toMatchObject({ status: 401, body: undefined });
  });

  it('one without end', async () => {
    server.answer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => response.write(`"${'x'.repeat(1 << 20)}"`, () => !response.destroyed && more());
      more();
    });
    expect((await failure(client().observe(get, forever()))).detail).toContain('longer than');
  });
});

describe('a connection that fails', () => {
  const both = async (url: string | undefined, deadline = 200) => [
    (await failure(client({ ...(url && { url }), deadline }).observe(get, forever()))).code,
    (await failure(client({ ...(url && { url }), deadline }).effect(post, forever()))).code,
  ];
  const cut = ['KR_STORE_UNAVAILABLE', 'KR_STORE_UNCLEAR'];
  const neverSent = ['KR_STORE_UNAVAILABLE', 'KR_STORE_UNAVAILABLE'];

  it('to a closed port: nothing was sent', async () => {
    const { url } = server;
    await server.close();
    expect(await both(url)).toEqual(neverSent);
    server = await startServer();
  });

  it('to an unknown name: nothing was sent', async () => {
    expect(await both('http://does-not-exist.invalid', 5000)).toEqual(neverSent);
  });

  it('that is never accepted: nothing was sent', async () => {
    // TLS is spoken to a server that only listens: the connection never gets as far as a request.
    const silent = createTcpServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    expect(await both(`https://127.0.0.1:${(silent.address() as { port: number }).port}`)).toEqual(neverSent);
    silent.close();
  });

  it('after the request was read: it may have happened', async () => {
    server.answer((_, response) => response.socket!.destroy());
    expect(await both(undefined)).toEqual(cut);
  });

  it('with no answer within the deadline: it may have happened', async () => {
    server.answer(() => undefined);
    expect(await both(undefined)).toEqual(cut);
  });

  it('with an answer that drips: it may have happened', async () => {
    server.answer((_, response) => {
      response.writeHead(201, { 'content-type': 'application/json' }).write('{"id":1');
    });
    expect(await both(undefined)).toEqual(cut);
  });

  it('in the middle of the answer: it may have happened', async () => {
    server.answer((_, response) => {
      response
        .writeHead(201, { 'content-type': 'application/json', 'content-length': '100' })
        .write('{"id":1}', () => response.socket!.destroy());
    });
    expect(await both(undefined)).toEqual(cut);
  });

  it('while it stood idle: an effect does not meet it, and an observation is not called "refused"', async () => {
    server.answer((_, response) => json(response, 200, {}));
    const http = client();
    await http.observe(get, forever());
    // Bytes are written to a kept connection whose other end goes away on the first of them.
    server.answer((request, response) => (request.method === 'GET' ? response.socket!.destroy() : json(response, 201, {})));
    expect((await failure(http.observe(get, forever()))).code).toBe('KR_STORE_UNAVAILABLE');
    expect((await http.effect(post, forever())).status).toBe(201);
    expect(server.seen.at(-1)!.headers.connection).toBe('close');
  });

  it('is closed when its time is over, so that nobody goes on answering', async () => {
    let closed = 0;
    server.answer((_, response) => response.socket!.once('close', () => closed++));
    await both(undefined);
    await expect.poll(() => closed, { timeout: 30_000 }).toBe(2);
  });

  it('ends at once when the caller gives up', async () => {
    server.answer(() => undefined);
    const caller = new AbortController();
    // Its own deadline would come long after that of this test.
    const patient = client({ deadline: 600_000 });
    const both = [failure(patient.observe(get, caller.signal)), failure(patient.effect(post, caller.signal))];
    setTimeout(() => caller.abort(), 50);
    expect((await Promise.all(both)).map(({ code }) => code)).toEqual(cut);
  });

  it('is not even tried after the deadline', async () => {
    expect(await failure(client().effect(post, AbortSignal.abort()))).toMatchObject({
      code: 'KR_STORE_UNAVAILABLE',
      detail: expect.stringMatching(/cancelled; nothing was sent$/),
    });
    expect(server.seen).toEqual([]);
  });

  it('of which a header cannot be written: it is said, without the header', async () => {
    const broken = { ...post, headers: { 'x-key': new Secret(`${key.reveal()}\n`) } };
    expect(await failure(client().effect(broken, forever()))).toMatchObject({
      code: 'KR_STORE_UNAVAILABLE',
      detail: expect.stringMatching(/a secret holds a line break \(UND_ERR_INVALID_ARG\); nothing was sent$/),
    });
  });

  it('shows no address and no secret', async () => {
    server.answer((_, response) => response.socket!.destroy());
    const { detail } = await failure(client().effect(post, forever()));
    expect(detail).toMatch(/^store: create a key: the connection was (closed|reset) \(\w+\)$/);
  });
});
