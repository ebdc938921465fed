/**
 * Owns the simulated Datadog as a whole: one organisation behind two addresses, its customers, and
 * their part of rekey.yaml.
 */
import type { FastifyError, FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TIMING } from '../../timing.js';
import type { ConfigurationPart, KeyRow, Planted, Vendor, World } from '../vendor.js';
import { Account, seed } from './account.js';
import { Authentication, serveValidation } from './authentication.js';
import { datadogConsumers, specOf, writeFiles } from './consumers.js';
import { Balancer } from './front-ends.js';
import { serveIntake } from './intake.js';
import { serveKeyManagement } from './key-management.js';

const Limits = z.strictObject({
  maxKeys: z.int().min(1).optional(),
  ratePerPeriod: z.int().min(1).optional(),
  periodMs: z.int().min(100).optional(),
});

export function createDatadog(world: World): Vendor {
  return new Datadog(world);
}

class Datadog implements Vendor {
  readonly name = 'datadog';
  readonly #account: Account;
  readonly #consumers;
  #url = '';
  #intakeUrl = '';
  #filesAreOld = false;

  constructor(private readonly world: World) {
    this.#account = new Account(world.state('datadog', () => seed({})));
    this.#consumers = datadogConsumers(world.home);
  }

  async open(): Promise<void> {
    const authentication = new Authentication(this.#account, new Balancer());
    const api = this.#door();
    const intake = this.#door();
    for (const door of [api, intake]) {
      serveValidation(door, this.#account, authentication);
      serveIntake(door, this.#account, authentication, this.world.traffic);
    }
    await api.register((scope) => serveKeyManagement(scope, this.#account, authentication));
    this.#url = await this.world.doors.listen('datadog', api);
    this.#intakeUrl = await this.world.doors.listen('datadog-intake', intake);
  }

  async startConsumers(): Promise<void> {
    writeFiles(this.#consumers, this.#first.value, this.#filesAreOld);
    this.#filesAreOld = false;
    const addresses = { api: this.#url, intake: this.#intakeUrl, sendEvery: TIMING.consumers.sendEvery };
    await Promise.all(this.#consumers.map((consumer) => this.world.consumers.add(specOf(consumer, addresses)).start()));
  }

  reset(planted: Planted): void {
    this.#account.reset(planted);
    this.#filesAreOld = true;
  }

  ready(): Record<string, unknown> {
    return { url: this.#url, intakeUrl: this.#intakeUrl, management: this.#management };
  }

  keys(): KeyRow[] {
    return this.#account.rows();
  }

  plantNext(value: string): void {
    this.#account.plantNext(value);
  }

  control(app: FastifyInstance): void {
    app.post('/limits', async (request) => this.#account.limit(Limits.parse(request.body)));
    app.post<{ Params: { id: string } }>('/unrevoke/:id', async (request) => {
      this.#account.unrevoke(request.params.id);
      return { ok: true };
    });
  }

  configuration(secret: (name: string) => string): ConfigurationPart {
    const consumers = this.#consumers.map(({ app, file, format, at }) => {
      const place = `name: ${app}, host: machines, file: ${JSON.stringify(file)}, format: ${format}, at: ${at}`;
      const restart = JSON.stringify(this.world.hostCommand('restart', app));
      const status = JSON.stringify(this.world.hostCommand('status', app));
      const ways =
        format === 'dotenv'
          ? `confirm: { fingerprint: ${status} }`
          : `apply: ${restart},\n          confirm: { last4: ${status} }`;
      return `      - { ${place},\n          ${ways} }`;
    });
    return {
      stores: `  datadog:
    kind: datadog
    url: ${this.#url}
    endpoints: [${this.#url}, ${this.#intakeUrl}] # every door at which a new key must be accepted
    management: { apiKey: ${secret('datadog-api-key')}, applicationKey: ${secret('datadog-application-key')} }
    timing: { request: 2s, settle: 500ms, propagation: 30s, lastUsedLag: 1s }
    accept: [short-timing] # the simulator is faster than Datadog, and says so
`,
      hosts: '',
      credentials: `  datadog/agents:
    store: datadog
    strategy: overlap
    current: { id: ${this.#first.id}, secret: ${secret('datadog-agents')} } # adopt what exists; it is not rotated by being adopted
    attributes: { name: agents }
    consumers:
      # Agents read their file at start only; the reporter looks at its file before each request and needs no restart.
${consumers.join('\n')}
`,
      secrets: {
        'datadog-api-key': this.#management.apiKey,
        'datadog-application-key': this.#management.applicationKey,
        'datadog-agents': this.#first.value,
      },
    };
  }

  get #first() {
    const { keys, firstId } = this.#account.state;
    return keys.find(({ id }) => id === firstId)!;
  }

  get #management() {
    const { keys, managementId, applicationKey } = this.#account.state;
    return { apiKey: keys.find(({ id }) => id === managementId)!.value, applicationKey };
  }

  #door(): FastifyInstance {
    const app = this.world.doors.create();
    this.world.doors.guard(app, this.name);
    app.setErrorHandler((error: FastifyError, _request, reply) =>
      reply.code(error.statusCode ?? 500).send({ errors: [error.message] }),
    );
    app.setNotFoundHandler((_request, reply) => reply.code(404).send({ errors: ['Not Found'] }));
    return app;
  }
}
