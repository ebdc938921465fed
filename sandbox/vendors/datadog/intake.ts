/**
 * Owns Datadog's metrics intake, and the truth about what the apps send to it. Shapes: `MetricsApi`
 * of the official client, v1 and v2. That any well-formed key is answered 202 at first is reported
 * by third parties (brettlangdon/node-dogapi, issue 71); that a key known to be revoked is answered
 * 403 follows from how agents drop data.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Traffic } from '../../traffic.js';
import { type Account, Refused, WELL_FORMED } from './account.js';
import type { Authentication } from './authentication.js';
import { parse } from './key-management.js';

const V1 = z.object({
  series: z.array(
    z.object({ metric: z.string(), points: z.array(z.tuple([z.number(), z.number()])), host: z.string().optional() }),
  ),
});
const V2 = z.object({
  series: z.array(
    z.object({
      metric: z.string(),
      points: z.array(z.object({ timestamp: z.number(), value: z.number() })),
      resources: z.array(z.object({ name: z.string(), type: z.string() })).optional(),
    }),
  ),
});

export function serveIntake(app: FastifyInstance, account: Account, authentication: Authentication, traffic: Traffic): void {
  const receive = (request: FastifyRequest, reply: FastifyReply, host: string, accepted: object) => {
    const { value, key, knowledge } = authentication.presented(request);
    if (!WELL_FORMED.test(value)) {
      traffic.count(host, 'sent', 'refused', 'lost');
      throw new Refused(value === '' ? 'API key required' : 'Forbidden', 403);
    }
    // A dead key, or one that this front end has not heard of, may be answered kindly: its data
    // goes nowhere all the same.
    const alive = key !== undefined && key.revokedAt === null && knowledge === 'live';
    traffic.count(host, 'sent', ...(alive ? (['accepted'] as const) : (['refused', 'lost'] as const)));
    if (knowledge === 'revoked') throw new Refused('Forbidden', 403);
    if (key) account.used(key);
    return reply.code(202).send(accepted);
  };

  app.post('/api/v1/series', async (request, reply) => {
    const body = V1.safeParse(parse(request.body));
    if (!body.success) throw new Refused('Payload is not in the expected format');
    return receive(request, reply, body.data.series[0]?.host ?? '', { status: 'ok' });
  });

  app.post('/api/v2/series', async (request, reply) => {
    const body = V2.safeParse(parse(request.body));
    if (!body.success) throw new Refused('Payload is not in the expected format');
    const host = body.data.series[0]?.resources?.find(({ type }) => type === 'host')?.name;
    return receive(request, reply, host ?? '', { errors: [] });
  });
}
