/**
 * Owns a simulated receiver of signed webhooks, by which the programs of the sandbox take their
 * keys over HTTP: as strict as its documentation.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Consumer } from './consumers/consumer.js';
import type { Consumers } from './consumers/consumers.js';
import { fingerprint } from './consumers/fingerprint.js';
import type { Durable } from './durable.js';

/**
 * What the receiver remembers: its key, for each ledger and program the highest fence, and the
 * reloads that are done.
 */
export interface HookState {
  readonly signingKey: string;
  fences: Record<string, number>;
  applied: string[];
}

export const newHookState = (): HookState => ({
  signingKey: `whsec_${randomBytes(24).toString('base64')}`,
  fences: {},
  applied: [],
});

/** Seconds by which clocks may differ; an older request is a replay. */
const WINDOW = 300;

const Message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('identify') }),
  z.strictObject({ type: z.literal('inspect'), consumer: z.string() }),
  z.strictObject({
    type: z.literal('deliver'),
    consumer: z.string(),
    ledger: z.string().min(1),
    fence: z.int(),
    generation: z.int(),
    secret: z.string().regex(/^[!-~]{16,}$/),
  }),
  z.strictObject({ type: z.literal('apply'), consumer: z.string() }),
]);
type Message = z.infer<typeof Message>;

type Answer = readonly [status: number, body: object];

export function serveHooks(app: FastifyInstance, consumers: Consumers, state: Durable<HookState>): void {
  app.post('/hook', async (request, reply) => {
    if (!isSigned(request, state.value.signingKey))
      return send(reply, [401, { error: 'the signature is not right, or not of now' }]);
    const read = Message.safeParse(JSON.parse(request.body as string));
    if (!read.success) return send(reply, [400, { error: z.prettifyError(read.error) }]);
    return send(reply, await answer(read.data, request.headers['webhook-id'] as string));
  });

  async function answer(message: Message, id: string): Promise<Answer> {
    if (message.type === 'identify') return [200, { identity: 'the receiver of the sandbox' }];
    const consumer = consumers.get(message.consumer);
    const source = consumer?.spec.source;
    if (!consumer || !source) return [404, { error: `no program ${message.consumer}` }];
    switch (message.type) {
      case 'inspect':
        return [200, inspect(consumer, source.read())];
      case 'deliver': {
        const place = `${message.ledger}/${message.consumer}`;
        const held = state.value.fences[place] ?? 0;
        if (message.fence < held) return [409, { error: 'a newer hand-out was here', fence: held }];
        state.value.fences[place] = message.fence;
        state.save();
        source.write(message.secret);
        return [200, {}];
      }
      case 'apply':
        if (!state.value.applied.includes(id)) await consumer.restart();
        state.value.applied.push(id);
        state.save();
        return [200, {}];
    }
  }
}

function inspect(consumer: Consumer, held: string | null): object {
  const instances = consumer.instances.map(({ pid, loaded }) => ({
    id: `${pid}`,
    fingerprint: loaded?.fingerprint ?? null,
    evidence: 'uses',
  }));
  const state = consumer.running.length > 0 ? 'running' : instances.length > 0 ? 'starting' : 'stopped';
  return { state, healthy: state !== 'starting', source: held === null ? null : fingerprint(held), instances };
}

function isSigned({ headers, body }: FastifyRequest, key: string): boolean {
  const [id, time, given] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`]);
  if (typeof id !== 'string' || typeof time !== 'string' || typeof given !== 'string' || typeof body !== 'string') return false;
  if (Math.abs(Date.now() / 1000 - Number(time)) > WINDOW) return false;
  const secret = Buffer.from(key.slice('whsec_'.length), 'base64');
  const own = Buffer.from(`v1,${createHmac('sha256', secret).update(`${id}.${time}.${body}`).digest('base64')}`);
  const other = Buffer.from(given);
  return own.length === other.length && timingSafeEqual(own, other);
}

function send(reply: FastifyReply, [status, body]: Answer): FastifyReply {
  return reply.code(status).type('application/json').send(JSON.stringify(body));
}
