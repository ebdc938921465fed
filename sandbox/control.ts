/**
 * Owns the control address: what tests, the demo and operators of the sandbox may ask of it.
 * Nothing of it exists at a real vendor.
 */
import type { FastifyError, FastifyInstance } from 'fastify';
import { ZodError, z } from 'zod';
import type { Consumer } from './consumers/consumer.js';
import type { Consumers } from './consumers/consumers.js';
import type { Doors } from './door.js';
import type { Durable } from './durable.js';
import { FaultSpec, type Faults } from './faults.js';
import { type HookState, serveHooks } from './hooks.js';
import { serveMachines } from './machines.js';
import type { Requests } from './requests.js';
import { TIMING } from './timing.js';
import type { Traffic } from './traffic.js';
import { BadWish, type Planted, type Vendor } from './vendors/vendor.js';

export interface Controlled {
  readonly doors: Doors;
  readonly vendors: readonly Vendor[];
  readonly consumers: Consumers;
  readonly traffic: Traffic;
  readonly faults: Faults;
  readonly requests: Requests;
  readonly hooks: Durable<HookState>;
  reset(planted: Record<string, Planted>, programs: readonly string[] | null): Promise<void>;
}

const Asked = z.strictObject({
  vendor: z.string().optional(),
  from: z.enum(['rekey', 'app']).optional(),
  after: z.coerce.number().int().min(0).optional(),
  last: z.coerce.number().int().min(1).optional(),
});
const NextKey = z.strictObject({ vendor: z.string(), value: z.string() });
const Instances = z.strictObject({ count: z.int().min(1).max(20) });
const RefuseStart = z.strictObject({ on: z.boolean() });
const Reset = z.strictObject({
  management: z.record(z.string(), z.record(z.string(), z.string())).default({}),
  keys: z.record(z.string(), z.string()).default({}),
  /** The apps that are to run; all of them where nothing is said. */
  programs: z.array(z.string()).nullable().default(null),
});

interface OfVendor {
  Querystring: { vendor?: string };
}
interface OfApp {
  Params: { name: string };
}

export async function serveControl(app: FastifyInstance, sandbox: Controlled): Promise<void> {
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error instanceof ZodError ? 400 : (error.statusCode ?? 500);
    return reply.code(status).send({ error: error instanceof ZodError ? z.prettifyError(error) : error.message });
  });

  await app.register(async (scope) => {
    sandbox.doors.guard(scope, 'host');
    serveMachines(scope, sandbox.consumers);
  });
  await app.register(async (scope) => {
    sandbox.doors.guard(scope, 'hook');
    serveHooks(scope, sandbox.consumers, sandbox.hooks);
  });

  await app.register(async (scope) => {
    scope.addHook('preHandler', async (request) => {
      request.body = parse(request.body);
    });
    serveRecords(scope, sandbox);
    serveTraffic(scope, sandbox);
    serveFaults(scope, sandbox.faults);
    for (const vendor of sandbox.vendors) {
      await scope.register(async (own) => vendor.control(own), { prefix: `/vendors/${vendor.name}` });
    }
  });
}

function serveRecords(app: FastifyInstance, { vendors, consumers, requests, reset }: Controlled): void {
  app.get('/healthz', async () => ({ ok: true }));
  app.get('/timing', async () => TIMING);

  app.get<OfVendor>('/keys', async ({ query }) => {
    return (query.vendor === undefined ? vendors : [named(vendors, query.vendor)]).flatMap((vendor) => vendor.keys());
  });

  app.get('/requests', async ({ query }) => requests.list(Asked.parse(query)));

  app.post('/keys/next', async (request) => {
    const { vendor, value } = NextKey.parse(request.body);
    named(vendors, vendor).plantNext(value);
    return { ok: true };
  });

  app.post('/reset', async (request) => {
    const { management, keys, programs } = Reset.parse(request.body);
    const unknown = programs?.filter((name) => !consumers.names.includes(name)) ?? [];
    if (unknown.length > 0)
      throw new BadWish(`There is no program ${unknown.join(', ')}; there are ${consumers.names.join(', ')}.`);
    const names = [...new Set([...Object.keys(management), ...Object.keys(keys)])];
    await reset(
      Object.fromEntries(names.map((name) => [named(vendors, name).name, { management: management[name], key: keys[name] }])),
      programs,
    );
    return { ok: true };
  });
}

function serveTraffic(app: FastifyInstance, { traffic, consumers }: Controlled): void {
  app.get('/traffic', async () => traffic.list());

  for (const [verb, on] of [
    ['start', true],
    ['stop', false],
  ] as const) {
    app.post(`/traffic/${verb}`, async () => {
      consumers.setTraffic(on);
      return { on };
    });
  }

  app.post<OfApp>('/apps/:name/crash', async ({ params }) => {
    existing(params.name).crash();
    return { ok: true };
  });

  app.post<OfApp>('/apps/:name/instances', async ({ params, body }) => {
    const { count } = Instances.parse(body);
    await consumers.scale(existing(params.name), count);
    return { count };
  });

  app.post<OfApp>('/apps/:name/refuse-start', async ({ params, body }) => {
    const { on } = RefuseStart.parse(body);
    consumers.refuse(existing(params.name), on);
    return { on };
  });

  function existing(name: string): Consumer {
    const consumer = consumers.get(name);
    if (!consumer) throw new BadWish(`There is no app ${name}.`);
    return consumer;
  }
}

function serveFaults(app: FastifyInstance, faults: Faults): void {
  app.get('/faults', async () => faults.list());

  app.post('/faults', async (request) => ({ id: faults.plant(FaultSpec.parse(request.body)).id }));

  app.post<{ Params: { id: string } }>('/faults/:id/release', async ({ params }) => {
    const released = faults.release(params.id);
    if (released === undefined) throw new BadWish(`There is no fault ${params.id}.`);
    return { released };
  });

  app.delete('/faults', async () => {
    faults.clear();
    return { ok: true };
  });
}

function named(vendors: readonly Vendor[], name: string): Vendor {
  const vendor = vendors.find((candidate) => candidate.name === name);
  if (!vendor) throw new BadWish(`There is no vendor ${name}; there are ${vendors.map((known) => known.name).join(', ')}.`);
  return vendor;
}

function parse(body: unknown): unknown {
  if (typeof body !== 'string' || body === '') return {};
  try {
    return JSON.parse(body);
  } catch {
    throw new BadWish('The body is not valid JSON.');
  }
}
