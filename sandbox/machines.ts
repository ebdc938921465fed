/**
 * Owns what the service manager of a machine answers: restart a program, and show what is running
 * and on which key.
 */
import type { FastifyInstance } from 'fastify';
import type { Consumer, ConsumerSpec } from './consumers/consumer.js';
import type { Consumers } from './consumers/consumers.js';

interface OfApp {
  Params: { name: string };
}

/** Both answer in text, as commands do; `ctl` prints it. */
export function serveMachines(app: FastifyInstance, consumers: Consumers): void {
  app.post<OfApp>('/hosts/apps/:name/restart', async ({ params }, reply) => {
    const { consumer } = serviceOf(params.name);
    try {
      await consumer.restart();
      return reply.type('text/plain').send('');
    } catch (error) {
      return reply
        .code(500)
        .type('text/plain')
        .send(`${error instanceof Error ? error.message : error}\n`);
    }
  });

  app.get<OfApp>('/hosts/apps/:name/status', async ({ params }, reply) => {
    const { consumer, describe } = serviceOf(params.name);
    if (consumer.instances.length === 0) return reply.code(410).type('text/plain').send(`${params.name} is not running\n`);
    return reply.type('text/plain').send(consumer.instances.map((instance) => `${describe(instance)}\n`).join('\n'));
  });

  function serviceOf(name: string): { consumer: Consumer; describe: NonNullable<ConsumerSpec['describe']> } {
    const consumer = consumers.get(name);
    if (!consumer?.spec.describe) throw Object.assign(new Error(`No service ${name} on these machines`), { statusCode: 404 });
    return { consumer, describe: consumer.spec.describe };
  }
}
