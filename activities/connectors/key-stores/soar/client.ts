/**
 * Owns the calls of SOAR's REST API that we make: session and keys as recorded (ApiKeyREST of a
 * 51.0 server), apps as assumed.
 */
import { z } from 'zod';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import { Secret } from '../../../ports/secret.js';
import type { Call, HttpClient, Reply } from '../../http/client.js';
import type { FaultCodes } from '../../http/faults.js';
import { path } from '../../http/path.js';
import { single } from '../../http/retry-after.js';
import { storeClient } from '../../http/store-client.js';
import { type Assumption, assumptions, type SoarSettings } from './config.js';
import { bareStatuses, faultOf, faultText } from './errors.js';
import { Logins } from './refusals.js';

const organisation = z.object({
  id: z.union([z.int(), z.string()]),
  name: z.string(),
  uuid: z.string().nullish(),
  cloud_account: z.string().nullish(),
  enabled: z.boolean(),
});
const session = z.object({ client_id: z.string().nullish(), orgs: z.array(organisation) });

const numericId = z.union([z.int(), z.string().regex(/^\d+$/)]).transform(String);
/**
 * The `__apikey` type of the types dump in resilient-python-api; times are milliseconds of SOAR's
 * clock.
 */
const apiKey = z.looseObject({
  id: numericId,
  display_name: z.string(),
  locked: z.boolean().nullish(),
  permissions: z.json().optional(),
  secret_expiration_date: z.number().nullish(),
  secret_last_modified_time: z.number().nullish(),
});
/** Of a list only the entries are recorded, not what holds them. */
export const listOf = <T extends z.ZodType>(entry: T) =>
  z.union([
    z.array(entry),
    z.object({ entities: z.array(entry) }).transform((l) => l.entities),
    z.object({ data: z.array(entry) }).transform((l) => l.data),
  ]);

export type ApiKey = z.infer<typeof apiKey>;

/**
 * As in IBM's exports (`current_installation.executables[]`, resilient-sdk); state, instances and
 * exit code are assumed.
 */
const app = z.object({
  id: z.union([z.int(), z.string().min(1)]).transform(String),
  name: z.string(),
  status: z.string().nullish(),
  instances: z.array(z.object({ pod: z.string(), state: z.string().nullish(), started_time: z.number().nullish() })).nullish(),
  restarts: z.number().nullish(),
  last_exit_code: z.number().nullish(),
  current_installation: z
    .object({
      executables: z.array(
        z.object({
          id: z
            .union([z.int(), z.string().min(1)])
            .transform(String)
            .nullish(),
          apikey_handle: z.string().nullish(),
          config_string: z.string().nullish(),
        }),
      ),
    })
    .nullish(),
});

export type App = z.infer<typeof app>;

export interface Session {
  readonly org: string;
  readonly uuid: string;
  readonly clientId: string | null;
}

type OrgCall = Omit<Call, 'headers' | 'path'> & { readonly path: string };

export class SoarClient {
  readonly #http: HttpClient;
  readonly #logins: Logins;
  #session: Promise<Session> | null = null;

  /** `label` is who speaks in an error: a store, or a host that uses the store's credential. */
  constructor(
    readonly settings: SoarSettings,
    private readonly context: ConnectorContext,
    private readonly faults: FaultCodes,
    private readonly label: string,
  ) {
    this.#logins = new Logins(settings.url);
    this.#http = storeClient(context, settings, { label, baseUrl: settings.url, faults, faultText, faultOf, bareStatuses });
  }

  /** Throws unless rekey.yaml takes the assumption on; nothing is sent before that. */
  mustBeAccepted(assumption: Assumption): void {
    if (this.settings.accept.includes(assumption)) return;
    const text = `${this.label}: ${assumption}: ${assumptions[assumption]} Check it against your appliance, then list ${assumption} under \`accept:\` of the store`;
    throw new RekeyError('KR_ASSUMPTION_NOT_ACCEPTED', text);
  }

  /**
   * Who we are, asked afresh. Every REST call is a login of its own, so what it says is kept for
   * the calls that need it.
   */
  login(signal: AbortSignal): Promise<Session> {
    const asked = this.#askSession(signal);
    this.#session = asked;
    asked.catch(() => {
      if (this.#session === asked) this.#session = null;
    });
    return asked;
  }

  async list(signal: AbortSignal): Promise<readonly ApiKey[]> {
    return (await this.observe({ title: 'list keys', method: 'GET', path: '/apikeys', answers: [200] }, signal)).read(
      listOf(apiKey),
    );
  }

  async get(id: string, signal: AbortSignal): Promise<{ key: ApiKey; readAt: number } | null> {
    if (!/^\d+$/.test(id)) return null;
    const reply = await this.observe(
      { title: 'read a key', method: 'GET', path: path`/apikeys/${id}`, answers: [200, 404] },
      signal,
    );
    if (reply.status === 404) return null;
    // SOAR's dates are compared with SOAR's clock.
    const theirs = Date.parse(single(reply.headers.date) ?? '');
    return { key: reply.read(apiKey), readAt: Number.isNaN(theirs) ? Date.now() : theirs };
  }

  /**
   * What a program logs in with. It stays when the secret changes (IBM Docs, "Regenerating an API
   * key"); under which name a key shows it is assumed.
   */
  clientIdOf(key: ApiKey): string {
    const { clientId } = this.settings.calls.fields;
    const shown = key[clientId];
    if (typeof shown === 'string' && shown !== '') return shown;
    throw new RekeyError(
      this.faults.refused,
      `${this.label}: key ${key.id} shows no ${clientId}; name the field that does under \`calls.fields.clientId\` of the store`,
    );
  }

  async create(
    wanted: { readonly display_name: string; readonly permissions: unknown },
    signal: AbortSignal,
  ): Promise<{ key: ApiKey; secret: Secret }> {
    this.mustBeAccepted('soar-create-call');
    const { method, path: at } = this.settings.calls.create;
    const reply = await this.effect(
      { title: 'create a key', method, path: fill(at, {}), body: wanted, answers: [200, 201] },
      signal,
    );
    const { secret, ...key } = reply.read(this.#withSecret());
    return { key, secret };
  }

  async regenerate(key: ApiKey, signal: AbortSignal): Promise<{ secret: Secret; changed: number | null }> {
    this.mustBeAccepted('soar-regenerate-call');
    const { method, path: at, flag, sends } = this.settings.calls.regenerate;
    // Back goes what was read, number and all, since a PUT of this API takes the whole object.
    const whole = sends === 'object' ? { ...key, id: Number(key.id) } : {};
    const body = { ...whole, ...(flag !== null && { [flag]: true }) };
    const reply = await this.effect(
      { title: 'regenerate a secret', method, path: fill(at, { id: key.id }), body, answers: [200] },
      signal,
    );
    const made = reply.read(this.#withSecret());
    return { secret: made.secret, changed: made.secret_last_modified_time ?? null };
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.effect(
      { title: 'delete a key', method: 'DELETE', path: path`/apikeys/${id}`, answers: [200, 204, 404], emptyAnswers: [200] },
      signal,
    );
  }

  /** One login. A refusal counts towards a lock, so nothing here ever repeats it. */
  async tryLogin(clientId: string, secret: Secret, signal: AbortSignal): Promise<boolean> {
    const call = {
      title: 'log in with a key',
      method: 'GET',
      path: '/rest/session',
      query: { include_permissions: 'false' },
      answers: [200, 401],
    } as const;
    const reply = await this.#http.observe({ ...call, headers: basic(clientId, secret), secrets: [secret] }, signal);
    if (reply.status === 401) return false;
    reply.read(session);
    return true;
  }

  /** Assumed, as part of soar-deploy-call. */
  async apps(signal: AbortSignal): Promise<readonly App[]> {
    this.mustBeAccepted('soar-deploy-call');
    return (
      await this.observe(
        { title: 'list apps', method: 'GET', path: fill(this.settings.calls.apps.path, {}), answers: [200] },
        signal,
      )
    ).read(listOf(app));
  }

  /** Assumed, as part of soar-deploy-call. */
  async app(id: string, signal: AbortSignal): Promise<App | null> {
    this.mustBeAccepted('soar-deploy-call');
    const reply = await this.observe(
      {
        title: 'read an app',
        method: 'GET',
        path: `${fill(this.settings.calls.apps.path, {})}${path`/${id}`}`,
        answers: [200, 404],
      },
      signal,
    );
    return reply.status === 404 ? null : reply.read(app);
  }

  observe(call: OrgCall, signal: AbortSignal): Promise<Reply> {
    return this.#managed(
      (headers, secrets, org) => this.#http.observe({ ...call, path: `${org}${call.path}`, headers, secrets }, signal),
      signal,
    );
  }

  effect(call: OrgCall, signal: AbortSignal): Promise<Reply> {
    return this.#managed(
      (headers, secrets, org) => this.#http.effect({ ...call, path: `${org}${call.path}`, headers, secrets }, signal),
      signal,
    );
  }

  async #managed(
    send: (headers: Record<string, Secret>, secrets: Secret[], org: string) => Promise<Reply>,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { org } = await (this.#session ?? this.login(signal));
    return this.#asManagement((headers, secrets) => send(headers, secrets, path`/rest/orgs/${org}`));
  }

  async #asManagement(send: (headers: Record<string, Secret>, secrets: Secret[]) => Promise<Reply>): Promise<Reply> {
    const { management } = this.settings;
    const [id, secret] = await Promise.all([this.context.resolve(management.keyId), this.context.resolve(management.keySecret)]);
    this.#logins.mayTry(id, secret, this.label);
    try {
      return await send(basic(id.reveal(), secret), [secret]);
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code !== this.faults.unauthorized) throw error;
      this.#logins.wasRefused(id, secret);
      throw new RekeyError(error.code, `${error.detail}; ${causesOf401}`);
    }
  }

  async #askSession(signal: AbortSignal): Promise<Session> {
    const call = {
      title: 'log in',
      method: 'GET',
      path: '/rest/session',
      query: { include_permissions: 'false' },
      answers: [200],
    } as const;
    const reply = await this.#asManagement((headers, secrets) => this.#http.observe({ ...call, headers, secrets }, signal));
    const { orgs, client_id } = reply.read(session);
    const wanted = this.settings.organisation;
    const found = orgs.find((org) => [org.cloud_account, org.uuid, org.name].includes(wanted));
    if (!found)
      throw new RekeyError(this.faults.refused, `${this.label}: the management credential sees no organisation ${wanted}`);
    if (!found.enabled) throw new RekeyError(this.faults.refused, `${this.label}: organisation ${wanted} is not enabled`);
    return {
      org: String(found.id),
      uuid: found.uuid ?? `${new URL(this.settings.url).host}/${found.id}`,
      clientId: client_id ?? null,
    };
  }

  #withSecret() {
    const { clientSecret } = this.settings.calls.fields;
    return apiKey.transform((key, context) => {
      const shown = key[clientSecret];
      if (typeof shown === 'string' && shown !== '') return { ...key, [clientSecret]: undefined, secret: new Secret(shown) };
      context.addIssue({ code: 'custom', path: [clientSecret], message: 'missing' });
      return z.NEVER;
    });
  }
}

/**
 * One answer for all of it: which it was stands in the server's log only (IBM Support, node/6562213
 * and node/7238942).
 */
const causesOf401 =
  'SOAR says so of a wrong secret, a locked account (Users > API Keys, column Locked), an expired secret and a banned address (System Settings > Blocked IPs) alike';

function basic(id: string, secret: Secret): Record<string, Secret> {
  return { authorization: new Secret(`Basic ${Buffer.from(`${id}:${secret.reveal()}`).toString('base64')}`) };
}

/** A path of rekey.yaml with its placeholders filled in. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => path`${values[name] ?? ''}`);
}
