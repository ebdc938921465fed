/**
 * Owns how the sandbox listens: loopback only, on the same port in every life, with every request
 * recorded and every fault carried out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, inflateSync } from 'node:zlib';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Durable } from './durable.js';
import { type Faults, workerOf } from './faults.js';
import type { RecordedRequest, Requests } from './requests.js';

export class Doors {
  readonly #open: FastifyInstance[] = [];

  constructor(
    private readonly ports: Durable<Record<string, number>>,
    private readonly faults: Faults,
    private readonly requests: Requests,
  ) {}

  /**
   * A server that takes any body as text, because the vendors differ in which content types they
   * insist on.
   */
  create(): FastifyInstance {
    const app = fastify({
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      keepAliveTimeout: 60_000,
      routerOptions: { maxParamLength: 300 },
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
      try {
        done(null, unpack(request.headers['content-encoding'], body).toString('utf8'));
      } catch {
        done(Object.assign(new Error('The body is not what its content-encoding says.'), { statusCode: 400 }));
      }
    });
    this.#open.push(app);
    return app;
  }

  async listen(name: string, app: FastifyInstance): Promise<string> {
    const known = this.ports.value[name];
    const url = await listenPatiently(app, known ?? 0);
    const port = Number(new URL(url).port);
    if (port !== known) {
      this.ports.value[name] = port;
      this.ports.save();
    }
    return url;
  }

  /**
   * Makes all routes of this scope answer for a vendor: recorded, and open to planted faults. Call
   * it before any other hook.
   */
  guard(app: FastifyInstance, vendor: string): void {
    const rows = new WeakMap<FastifyRequest, RecordedRequest>();

    app.addHook('onRequest', async (request, reply) => {
      const worker = workerOf(request.headers['user-agent']);
      const row = this.requests.begin({
        vendor,
        method: request.method,
        path: request.url,
        at: new Date().toISOString(),
        from: worker ? 'rekey' : 'app',
        ...(worker && { pid: worker.pid }),
      });
      rows.set(request, row);
      // 'close' comes for every answer, also for one that a fault withheld; only a finished one has
      // reached anybody.
      reply.raw.once('close', () => {
        this.requests.end(row, reply.raw.writableFinished ? reply.raw.statusCode : 0);
        if (reply.raw.writableFinished) this.faults.answered(vendor, request);
      });
    });

    // The body is read by now, and no handler has run.
    app.addHook('preHandler', async (request, reply) => this.#strike('before', vendor, request, reply, rows.get(request)));

    app.addHook('onSend', async (request, reply, payload) => {
      const row = rows.get(request);
      if (row?.fault) row.handled = reply.statusCode;
      await this.#strike('after', vendor, request, reply, row);
      return payload;
    });
  }

  async close(): Promise<void> {
    this.faults.clear();
    await Promise.all(this.#open.map((app) => app.close()));
  }

  async #strike(when: 'before' | 'after', vendor: string, request: FastifyRequest, reply: FastifyReply, row?: RecordedRequest) {
    const fault = this.faults.strike(when, vendor, request);
    if (!fault) return;
    if (row) {
      row.fault = fault.id;
      if (when === 'after') row.handled = reply.statusCode;
    }
    // Never to return is how the rest of this request is kept from happening.
    if (!(await this.faults.carryOut(fault, request, reply))) await new Promise(() => {});
  }
}

function unpack(encoding: string | undefined, body: Buffer): Buffer {
  if (encoding === 'gzip') return gunzipSync(body);
  if (encoding === 'deflate') return inflateSync(body);
  return body;
}

/** A port of an earlier life can still be in use for a moment by connections that are ending. */
async function listenPatiently(app: FastifyInstance, port: number): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await app.listen({ host: '127.0.0.1', port });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === 50) throw error;
      await sleep(100);
    }
  }
}
