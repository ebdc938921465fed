/**
 * Owns the simulated DocSpace as a whole: one portal, its users, the programs that work with it,
 * and their part of rekey.yaml.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TIMING } from '../../timing.js';
import type { ConfigurationPart, KeyRow, Planted, Vendor, World } from '../vendor.js';
import { Account, type ApiKey, seed } from './account.js';
import { Authentication } from './authentication.js';
import { docspaceConsumers, specOf, writeFiles } from './consumers.js';
import { serveDocuments } from './documents.js';
import { answerFault } from './envelope.js';
import { serveKeyManagement } from './key-management.js';
import { SlidingWindow } from './sliding-window.js';

const Limits = z.strictObject({
  creations: z.int().min(1).optional(),
  creationWindowMs: z.int().min(100).optional(),
  callsPerMinute: z.int().min(1).optional(),
});
const ServerWish = z.strictObject({ server: z.enum(['v3.7.2', 'newer']) });
const Races = z.strictObject({ times: z.int().min(0) });

export function createDocSpace(world: World): Vendor {
  return new DocSpace(world);
}

class DocSpace implements Vendor {
  readonly name = 'docspace';
  readonly #account: Account;
  readonly #calls = new SlidingWindow();
  readonly #creations = new SlidingWindow();
  readonly #consumers;
  #url = '';
  #filesAreOld = false;

  constructor(private readonly world: World) {
    this.#account = new Account(world.state('docspace', () => seed({})));
    this.#consumers = docspaceConsumers(world.home);
  }

  async open(): Promise<void> {
    const authentication = new Authentication(this.#account, this.#calls);
    const portal = this.#door();
    serveDocuments(portal, this.#account, authentication, this.world.traffic);
    serveKeyManagement(portal, this.#account, authentication, this.#creations);
    this.#url = await this.world.doors.listen('docspace', portal);
  }

  async startConsumers(): Promise<void> {
    writeFiles(this.#consumers, this.#first.value, this.#filesAreOld);
    this.#filesAreOld = false;
    const portal = { url: this.#url, every: TIMING.docspace.callEvery };
    await Promise.all(this.#consumers.map((consumer) => this.world.consumers.add(specOf(consumer, portal)).start()));
  }

  reset(planted: Planted): void {
    this.#account.reset(planted);
    this.#calls.clear();
    this.#creations.clear();
    this.#filesAreOld = true;
  }

  ready(): Record<string, unknown> {
    return { url: this.#url, management: { token: this.#management.value } };
  }

  keys(): KeyRow[] {
    return this.#account.rows();
  }

  plantNext(value: string): void {
    this.#account.plantNext(value);
  }

  control(app: FastifyInstance): void {
    app.post('/limits', async (request) => {
      const wanted = Object.entries(Limits.parse(request.body)).filter(([, value]) => value !== undefined);
      this.#account.change({ limits: Object.fromEntries(wanted) });
      return this.#account.state.limits;
    });
    app.post('/server', async (request) => {
      const { server } = ServerWish.parse(request.body);
      this.#account.change({ server });
      return { server };
    });
    app.post('/races', async (request) => {
      const { times } = Races.parse(request.body);
      this.#account.change({ races: times });
      return { times };
    });
    app.post<{ Params: { id: string } }>('/expire/:id', async (request) => {
      this.#account.expire(request.params.id);
      return { ok: true };
    });
  }

  configuration(secret: (name: string) => string): ConfigurationPart {
    const consumers = this.#consumers.map(({ app, file, format, at, program }) => {
      const place = `name: ${app}, host: machines, file: ${JSON.stringify(file)}, format: ${format}, at: ${at}`;
      const restart = `apply: ${JSON.stringify(this.world.hostCommand('restart', app))},\n          `;
      const confirm = `confirm: { fingerprint: ${JSON.stringify(this.world.hostCommand('status', app))} }`;
      return `      - { ${place},\n          ${program === 'archiver.js' ? '' : restart}${confirm} }`;
    });
    return {
      stores: `  docspace:
    kind: docspace
    url: ${this.#url}
    management: { token: ${secret('docspace-token')} } # an API key of the same user as the keys that it manages
    timing: { request: 2s, settle: 500ms, lastUsedLag: 1s }
    accept: [short-timing] # the simulator is faster than DocSpace, and says so
`,
      hosts: '',
      credentials: `  docspace/exports:
    store: docspace
    strategy: overlap
    current: { id: ${this.#first.id}, secret: ${secret('docspace-exports')} }
    attributes: { permissions: [${this.#first.permissions?.map((scope) => JSON.stringify(scope)).join(', ')}] }
    policy: { soak: 1s } # this store can disable a key: the old one is disabled, watched, and only then deleted
    consumers:
      # The workers read their file at start only; the archiver looks at its file before each round and needs no restart.
${consumers.join('\n')}
`,
      secrets: { 'docspace-token': this.#management.value, 'docspace-exports': this.#first.value },
    };
  }

  get #first(): ApiKey {
    return this.#key(this.#account.state.firstId);
  }

  get #management(): ApiKey {
    return this.#key(this.#account.state.managementId);
  }

  #key(wanted: string): ApiKey {
    return this.#account.state.keys.find(({ id }) => id === wanted)!;
  }

  #door(): FastifyInstance {
    const app = this.world.doors.create();
    this.world.doors.guard(app, this.name);
    app.setErrorHandler(answerFault);
    app.setNotFoundHandler((_request, reply) => reply.code(404).send());
    return app;
  }
}
