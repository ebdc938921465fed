/**
 * Owns the simulated Algolia as a whole: one application behind five hosts, its customers, and
 * their part of rekey.yaml.
 */
import type { FastifyError, FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TIMING } from '../../timing.js';
import { BadWish, type ConfigurationPart, type KeyRow, type Planted, type Vendor, type World } from '../vendor.js';
import { Application, seed } from './application.js';
import { Authentication } from './authentication.js';
import { type AlgoliaConsumer, algoliaConsumers, specOf, writeFiles } from './consumers.js';
import { serveIndexes } from './indexes.js';
import { serveKeyManagement } from './key-management.js';
import { serveLogs } from './logs.js';
import { hosts } from './spread.js';

const Limits = z.strictObject({ maxKeys: z.int().min(0).optional(), restorable: z.int().min(0).optional() });
const Away = z.strictObject({ host: z.enum(hosts), away: z.boolean() });

export function createAlgolia(world: World): Vendor {
  return new Algolia(world);
}

class Algolia implements Vendor {
  readonly name = 'algolia';
  readonly #application: Application;
  readonly #consumers;
  #urls: string[] = [];
  #filesAreOld = false;

  constructor(private readonly world: World) {
    this.#application = new Application(world.state('algolia', () => seed({})));
    this.#consumers = algoliaConsumers(world.home);
  }

  async open(): Promise<void> {
    for (const [number, name] of hosts.entries()) {
      const door = this.#door(name);
      const authentication = new Authentication(this.#application, number);
      serveLogs(door, authentication);
      serveKeyManagement(door, this.#application, authentication, number);
      serveIndexes(door, authentication, this.world.traffic);
      this.#urls.push(await this.world.doors.listen(`algolia-${name}`, door));
    }
  }

  async startConsumers(): Promise<void> {
    const { state } = this.#application;
    writeFiles(this.#consumers, state, state.appId, this.#filesAreOld);
    this.#filesAreOld = false;
    const [write, dsn, ...fallbacks] = this.#urls as [string, string, ...string[]];
    const addresses = {
      appId: state.appId,
      read: [dsn, ...fallbacks],
      write: [write, ...fallbacks],
      sendEvery: TIMING.consumers.sendEvery,
      securedFor: TIMING.algolia.securedKeys,
    };
    await Promise.all(this.#consumers.map((consumer) => this.world.consumers.add(specOf(consumer, addresses)).start()));
  }

  reset(planted: Planted): void {
    this.#application.reset(planted);
    this.#filesAreOld = true;
  }

  ready(): Record<string, unknown> {
    return {
      url: this.#urls[0],
      appId: this.#application.state.appId,
      hosts: Object.fromEntries(hosts.map((name, number) => [name, this.#urls[number]])),
      management: { adminKey: this.#adminKey },
    };
  }

  keys(): KeyRow[] {
    return this.#application.rows();
  }

  plantNext(value: string): void {
    this.#application.plantNext(value);
  }

  control(app: FastifyInstance): void {
    app.post('/limits', async (request) => this.#application.limit(Limits.parse(request.body)));
    /**
     * A host that is away answers nobody: neither rekey nor the customers, who go on to the next.
     */
    app.post('/hosts', async (request) => {
      const { host, away } = Away.parse(request.body);
      if (away && this.#application.state.away.length === hosts.length - 1) throw new BadWish('One host must be left.');
      this.#application.setAway(host, away);
      return { away: this.#application.state.away };
    });
  }

  configuration(secret: (name: string) => string): ConfigurationPart {
    const { appId, searchKey, indexingKey } = this.#application.state;
    const consumers = (uses: AlgoliaConsumer['uses']) =>
      this.#consumers
        .filter((consumer) => consumer.uses === uses)
        .map((consumer) => this.#consumerLine(consumer))
        .join('\n');
    return {
      stores: `  algolia:
    kind: algolia
    appId: ${appId}
    url: ${this.#urls[0]}
    endpoints: [${this.#urls.join(', ')}] # every host at which a new key must be accepted
    management: { adminKey: ${secret('algolia-admin-key')} }
    timing: { request: 2s, settle: 500ms, propagation: 30s }
    accept: [short-timing] # the simulator is faster than Algolia, and says so
`,
      hosts: "  shop: { kind: file } # the shop's programs on this machine\n",
      credentials: `  algolia/search:
    store: algolia
    strategy: overlap
    current: { secret: ${secret('algolia-search')} } # the key is its own id, so its id stands nowhere
    attributes:
      name: storefront
      securedKeys: { validFor: ${TIMING.algolia.securedKeys}ms } # keys that are made from it die with it: the old one stays at least so long
    accept: [no-last-used] # Algolia records no use of keys
    consumers:
      # Both look at their file again before they use the key; the browsers of the token service hold keys that were made from it.
${consumers('searchKey')}

  algolia/indexing:
    store: algolia
    strategy: overlap
    current: { secret: ${secret('algolia-indexing')} }
    attributes: { name: indexer }
    accept: [no-last-used]
    consumers:
      # Reads its file at start only.
${consumers('indexingKey')}
`,
      secrets: { 'algolia-admin-key': this.#adminKey, 'algolia-search': searchKey, 'algolia-indexing': indexingKey },
    };
  }

  #consumerLine({ app, file, format, at }: AlgoliaConsumer): string {
    const command = (verb: 'restart' | 'status') => JSON.stringify(this.world.hostCommand(verb, app));
    const apply = app === 'indexer' ? `apply: ${command('restart')},\n          ` : '';
    return `      - { name: ${app}, host: shop, file: ${JSON.stringify(file)}, format: ${format}, at: ${at},
          ${apply}confirm: { fingerprint: ${command('status')} } }`;
  }

  get #adminKey(): string {
    return this.#application.state.keys.find(({ admin }) => admin)!.value;
  }

  #door(name: (typeof hosts)[number]): FastifyInstance {
    const app = this.world.doors.create();
    this.world.doors.guard(app, this.name);
    app.addHook('onRequest', async (request, reply) => {
      if (!this.#application.state.away.includes(name)) return;
      reply.hijack();
      request.raw.socket.destroy();
    });
    app.setErrorHandler((error: FastifyError, _request, reply) => {
      const status = error.statusCode ?? 500;
      return reply.code(status).send({ message: error.message, status });
    });
    app.setNotFoundHandler((_request, reply) =>
      reply.code(404).send({ message: 'Path not supported by Algolia API', status: 404 }),
    );
    return app;
  }
}
