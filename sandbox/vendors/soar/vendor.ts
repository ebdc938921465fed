/**
 * Owns the simulated SOAR as a whole: one organisation, its App Host, and their part of rekey.yaml.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import { BadWish, type ConfigurationPart, type KeyRow, type Planted, type Vendor, type World } from '../vendor.js';
import { serveApiKeys } from './api-keys.js';
import { AppHost } from './app-host.js';
import { serveApps } from './apps.js';
import { Logins } from './logins.js';
import { Queues, serveDestinations } from './queues.js';
import { answerRefused, body, Refused, unableToFind } from './refused.js';
import { type ApiKeyAccount, checkSecret, type SoarState, seed } from './state.js';

const Queue = z.strictObject({ mostWaiting: z.int().min(1) });
const Comment = z.object({ text: z.unknown(), message: z.int() });

export function createSoar(world: World): Vendor {
  return new Soar(world);
}

class Soar implements Vendor {
  readonly name = 'soar';
  readonly #store: Durable<SoarState>;
  readonly #logins: Logins;
  readonly #queues: Queues;
  readonly #host: AppHost;
  readonly #callers = new WeakMap<FastifyRequest, ApiKeyAccount>();
  #url = '';

  constructor(private readonly world: World) {
    this.#store = world.state('soar', () => seed({}));
    this.#logins = new Logins(this.#store);
    this.#queues = new Queues(this.#store, world.traffic);
    this.#host = new AppHost(this.#store, world.consumers, () => this.#url);
  }

  async open(): Promise<void> {
    const app = this.world.doors.create();
    this.world.doors.guard(app, this.name);
    app.setErrorHandler(answerRefused);
    app.setNotFoundHandler(() => {
      throw new Refused(404, 'Not Found');
    });
    await app.register(async (scope) => this.#serve(scope));
    this.#url = await this.world.doors.listen('soar', app);
    this.#queues.open();
  }

  async startConsumers(): Promise<void> {
    await this.#host.open();
  }

  reset(planted: Planted): void {
    this.#queues.forget();
    this.#store.value = seed(planted);
    this.#store.save();
  }

  ready(): Record<string, unknown> {
    const { orgId, orgName } = this.#store.value;
    return { url: this.#url, orgId, orgName, management: this.#management };
  }

  keys(): KeyRow[] {
    return this.#store.value.accounts.flatMap((account) =>
      account.secrets.map((secret) => ({
        vendor: this.name,
        id: String(account.id),
        name: account.displayName,
        value: secret.value,
        state: secret.dead ? ('deleted' as const) : account.locked ? ('disabled' as const) : ('live' as const),
        createdAt: new Date(secret.createdAt).toISOString(),
        lastUsedAt: secret.lastUsedAt === null ? null : new Date(secret.lastUsedAt).toISOString(),
      })),
    );
  }

  plantNext(value: string): void {
    this.#store.value.planted.push(checkSecret(value));
    this.#store.save();
  }

  control(app: FastifyInstance): void {
    const change = (id: string, fields: Partial<ApiKeyAccount>) => {
      const account = this.#store.value.accounts.find((candidate) => String(candidate.id) === id);
      if (!account) throw new BadWish(`There is no API key ${id}.`);
      Object.assign(account, fields);
      this.#store.save();
      return { ok: true };
    };
    app.post('/queues', async (request) => {
      this.#queues.limit(Queue.parse(request.body).mostWaiting);
      return { ok: true };
    });
    app.get('/logins', async () => this.#store.value.ban);
    app.post('/unban', async () => {
      this.#logins.unban();
      return { ok: true };
    });
    app.post<{ Params: { id: string } }>('/lock/:id', async (request) => change(request.params.id, { locked: true }));
    app.post<{ Params: { id: string } }>('/expire/:id', async (request) =>
      change(request.params.id, { secretExpiresAt: Date.now() }),
    );
  }

  configuration(secret: (name: string) => string): ConfigurationPart {
    return {
      stores: `  soar:
    kind: soar
    url: ${this.#url}
    organisation: ${this.#store.value.orgName}
    management: { keyId: ${secret('soar-key-id')}, keySecret: ${secret('soar-key-secret')} }
    timing: { request: 2s, settle: 500ms }
    # Calls that IBM does not publish, accepted by name: see the connector's README.
    accept:
      [short-timing, soar-create-call, soar-regenerate-call, soar-deploy-call, soar-secrets-call, soar-destinations-call, soar-config-call]
`,
      hosts: '  apps: { kind: soar-app-host, store: soar }\n',
      credentials: `  soar/enrichment:
    store: soar
    strategy: in-place
    current: { id: "${this.#store.value.firstId}" } # shown once, long ago: in place needs no old secret
    consumers: { host: apps, all: true } # every app that the store says uses this key
    policy: { downtime: 10s }
`,
      secrets: { 'soar-key-id': this.#management.keyId, 'soar-key-secret': this.#management.keySecret },
    };
  }

  get #management() {
    const account = this.#store.value.accounts.find(({ id }) => id === this.#store.value.managementId)!;
    return { keyId: account.clientId, keySecret: account.secrets.at(-1)!.value };
  }

  /** Everything behind a login. */
  async #serve(app: FastifyInstance): Promise<void> {
    const caller = (request: FastifyRequest) => this.#callers.get(request)!;

    app.addHook('preHandler', async (request) => {
      try {
        this.#callers.set(request, this.#logins.account(request));
      } catch (refusal) {
        this.#countRefusal(request);
        throw refusal;
      }
    });

    app.get('/rest/const', async () => ({
      server_version: { v: 51, major: 51, minor: 0, build_number: 1152, version: '51.0.9.0.1152' },
      actions_framework_enabled: true,
    }));

    // As recorded from a 51.0 server, nulls included.
    app.get('/rest/session', async (request) => {
      const account = caller(request);
      return {
        api_key_handle: null,
        client_id: account.clientId,
        display_name: account.displayName,
        password_expiration_date: account.secretExpiresAt,
        orgs: [{ ...this.#organisation(), perms: null, effective_permissions: [] }],
      };
    });

    app.get<{ Params: { name: string } }>('/stomp/:name', async (request, reply) => {
      try {
        this.#queues.subscribe(request.params.name, caller(request), reply.raw);
      } catch (refusal) {
        this.world.traffic.count(appOf(request), 'sent', 'refused');
        throw refusal;
      }
      reply.hijack();
    });

    await app.register(async (scope) => this.#serveOrganisation(scope, caller), { prefix: '/rest/orgs/:org' });
  }

  async #serveOrganisation(app: FastifyInstance, caller: (request: FastifyRequest) => ApiKeyAccount): Promise<void> {
    app.addHook('preHandler', async (request) => {
      const { org } = request.params as { org: string };
      if (org !== String(this.#store.value.orgId)) throw unableToFind('organization', org);
    });

    // IBM's client reads `actions_framework_enabled` right after the login and dies without it.
    app.get('', async () => ({ ...this.#organisation(), actions_framework_enabled: true }));

    app.post<{ Params: { incident: string } }>('/incidents/:incident/comments', async (request) => {
      const { message } = body(Comment, request);
      this.world.traffic.count(appOf(request), 'sent', 'accepted');
      this.#queues.settle(appOf(request), message);
      return { id: message, inc_id: Number(request.params.incident) };
    });

    serveDestinations(app, this.#store, caller);
    await app.register(async (scope) => serveApiKeys(scope, this.#store, caller));
    await app.register(async (scope) => serveApps(scope, this.#store, this.#host, caller));
  }

  #organisation() {
    const { orgId, orgName, orgUuid } = this.#store.value;
    return { id: orgId, name: orgName, uuid: orgUuid, cloud_account: null, enabled: true };
  }

  /** An app that is refused while it reports a result has lost the work, and will exit. */
  #countRefusal(request: FastifyRequest): void {
    const app = appOf(request);
    this.world.traffic.count(app, 'failedLogins');
    const comment = Comment.safeParse(parse(request.body));
    if (!comment.success) return;
    this.world.traffic.count(app, 'sent', 'refused', 'lost');
    this.#queues.settle(app, comment.data.message);
  }
}

function appOf(request: FastifyRequest): string {
  return /^resilient-circuits\/\S+ \((.+)\)$/.exec(request.headers['user-agent'] ?? '')?.[1] ?? '';
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : '');
  } catch {
    return undefined;
  }
}
