/**
 * Owns the simulated DNN Evoq as a whole: one instance with two sites, its customers' apps, and
 * their part of rekey.yaml.
 */
import type { FastifyInstance } from 'fastify';
import type { Durable } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { ConfigurationPart, KeyRow, Planted, Vendor, World } from '../vendor.js';
import { serveApiKeys } from './api-keys.js';
import type { ContentSettings } from './ask-content.js';
import { Authentication } from './authentication.js';
import { dnnConsumers, specOf, writeFiles } from './consumers.js';
import { serveContent } from './content.js';
import { servePersonaBar } from './persona-bar.js';
import { answerRefused, notFound } from './refused.js';
import { checkValue, type DnnState, seed } from './state.js';

export function createDnn(world: World): Vendor {
  return new Dnn(world);
}

class Dnn implements Vendor {
  readonly name = 'dnn';
  readonly #store: Durable<DnnState>;
  readonly #consumers;
  #url = '';
  #filesAreOld = false;

  constructor(private readonly world: World) {
    this.#store = world.state('dnn', () => seed({}));
    this.#consumers = dnnConsumers(world.home);
  }

  async open(): Promise<void> {
    const authentication = new Authentication(this.#store);
    const app = this.world.doors.create();
    this.world.doors.guard(app, this.name);
    app.setErrorHandler(answerRefused);
    app.setNotFoundHandler(() => {
      throw notFound();
    });
    await app.register(
      async (api) => {
        // A sample uses it as a ping with its key; that it does not look at the key is assumed, so
        // that nobody takes it for a probe.
        api.get('/version', async () => ({ version: '01.15.00.12' }));
        await api.register(async (scope) => serveContent(scope, this.#store, authentication, this.world.traffic));
        await api.register(async (scope) => serveApiKeys(scope, this.#store, authentication));
      },
      { prefix: '/content/api' },
    );
    this.#url = `${await this.world.doors.listen('dnn', app)}/content`;
  }

  async startConsumers(): Promise<void> {
    writeFiles(this.#consumers, this.#first.values.at(-1)!.value, this.#filesAreOld);
    this.#filesAreOld = false;
    const settings = (): ContentSettings => ({ url: this.#url, askEvery: TIMING.dnn.askEvery, item: this.#site.items[0]! });
    await Promise.all(this.#consumers.map((consumer) => this.world.consumers.add(specOf(consumer, settings)).start()));
  }

  reset(planted: Planted): void {
    this.#store.value = seed(planted);
    this.#store.save();
    this.#filesAreOld = true;
  }

  ready(): Record<string, unknown> {
    return { url: this.#url, site: this.#site.name, management: { token: this.#site.token } };
  }

  /** One row for each value that a key ever had. */
  keys(): KeyRow[] {
    return this.#store.value.keys.flatMap((key) =>
      key.values.map((value) => ({
        vendor: this.name,
        account: key.site,
        id: key.id,
        name: key.name,
        value: value.value,
        state: value.dead || key.deleted ? ('deleted' as const) : ('live' as const),
        createdAt: new Date(value.createdAt).toISOString(),
        lastUsedAt: value.lastUsedAt === null ? null : new Date(value.lastUsedAt).toISOString(),
      })),
    );
  }

  plantNext(value: string): void {
    this.#store.value.planted.push(checkValue(value));
    this.#store.save();
  }

  control(app: FastifyInstance): void {
    servePersonaBar(app, this.#store);
  }

  configuration(secret: (name: string) => string): ConfigurationPart {
    const consumers = this.#consumers.map(({ app, file, format, at }) => {
      const place = `name: ${app}, host: machines, file: ${JSON.stringify(file)}, format: ${format}, at: ${at}`;
      const apply = format === 'yaml' ? `apply: ${JSON.stringify(this.world.hostCommand('restart', app))},\n          ` : '';
      return `      - { ${place},\n          ${apply}confirm: { fingerprint: ${JSON.stringify(this.world.hostCommand('status', app))} } }`;
    });
    return {
      stores: `  dnn:
    kind: dnn
    url: ${this.#url}
    site: ${this.#site.name}
    management: { token: ${secret('dnn-host-token')} } # without it, a person does the clicks
    timing: { request: 2s, settle: 500ms, propagation: 1s }
    # Calls that DNN does not publish, accepted by name: see the connector's README.
    accept: [short-timing, dnn-apikeys-calls, dnn-host-token, dnn-reset-call]
`,
      hosts: '',
      credentials: `  dnn/site-apps:
    store: dnn
    strategy: overlap
    current: { id: ${this.#first.id}, secret: ${secret('dnn-site-apps')} }
    attributes: { name: site apps, permissions: [read-write-content-items, read-content-types] }
    accept: [no-last-used] # DNN does not say when a key was last used: the list of consumers is complete
    consumers:
      # The catalogue looks at its file before each request; the others read theirs at the start only, and one of them writes.
${consumers.join('\n')}
`,
      secrets: { 'dnn-host-token': this.#site.token, 'dnn-site-apps': this.#first.values.at(-1)!.value },
    };
  }

  get #first() {
    return this.#store.value.keys.find(({ id }) => id === this.#store.value.firstId)!;
  }

  get #site() {
    return this.#store.value.sites.find(({ name }) => name === this.#first.site)!;
  }
}
