/**
 * Owns the calls of Datadog's key management that we make: KeyManagementApi (v2) and `validate`, as
 * in `@datadog/datadog-api-client` 1.64.0 and its cassettes.
 */
import { z } from 'zod';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import type { MintedKey, Probe } from '../../../ports/key-store.js';
import { Secret } from '../../../ports/secret.js';
import type { HttpClient, Reply } from '../../http/client.js';
import { Endpoints } from '../../http/endpoints.js';
import { path } from '../../http/path.js';
import { shownSecret } from '../../http/shown-secret.js';
import { readSteadyList } from '../../http/steady-list.js';
import { storeClient } from '../../http/store-client.js';
import type { DatadogSettings } from './config.js';
import { faultOf, faultText } from './errors.js';

const attributes = z
  .record(z.string(), z.json())
  .and(z.object({ name: z.string(), last4: z.string().optional(), key: z.string().optional() }));
/** The value is shown of a key that is read alone, unless it belongs to an integration. */
const resource = z
  .object({ id: z.string().min(1), attributes })
  .transform(({ id, attributes: { key, ...shown } }) => ({ id, attributes: shown, secret: key ? new Secret(key) : null }));
const one = z.object({ data: resource });
const page = z.object({
  data: z.array(resource),
  meta: z
    .object({ max_allowed: z.number().optional(), page: z.object({ total_filtered_count: z.number().optional() }).optional() })
    .optional(),
});
const minted = z
  .object({ data: z.object({ id: z.string().min(1), attributes: z.object({ name: z.string(), key: shownSecret }) }) })
  .transform(({ data: { id, attributes } }): MintedKey => ({ id, name: attributes.name, secret: attributes.key }));
const validation = z.object({ valid: z.boolean() });
const owner = z.object({
  data: z.object({ id: z.string().min(1), attributes: z.object({ api_key_id: z.string().min(1).optional() }) }),
});

export type ApiKey = z.infer<typeof resource>;
export interface KeyList {
  readonly keys: readonly ApiKey[];
  readonly maxAllowed: number | null;
}

const pageSize = 100;
const mostPages = 50;

export class DatadogClient {
  readonly #api: HttpClient;
  readonly #endpoints: Endpoints;

  constructor(
    private readonly settings: DatadogSettings,
    private readonly context: ConnectorContext,
  ) {
    // Datadog's "Rate Limits" page: seconds until the period ends. Its client reads this one, and
    // no Retry-After.
    const common = { faultText, waitHeaders: ['retry-after', 'x-ratelimit-reset'] };
    this.#api = storeClient(context, settings, { ...common, baseUrl: settings.url, faultOf });
    this.#endpoints = new Endpoints(settings.endpoints, (baseUrl, host) =>
      storeClient(context, settings, { ...common, baseUrl, label: `${context.name} at ${host}` }),
    );
  }

  /** Throws KR_STORE_UNAUTHORIZED unless both management keys are accepted. */
  async mustBeAuthorized(signal: AbortSignal): Promise<void> {
    await this.#api.observe(
      {
        title: 'check the management keys',
        method: 'GET',
        path: '/api/v2/validate_keys',
        headers: await this.#management(),
        answers: [200],
      },
      signal,
    );
  }

  /**
   * The organisation and id of the management key; null where the call, marked unstable by Datadog,
   * does not exist or says something else.
   */
  async managementOwner(signal: AbortSignal): Promise<{ organisation: string; keyId: string | null } | null> {
    const headers = { 'dd-api-key': await this.#apiKey() };
    const call = {
      title: 'ask whose the management key is',
      method: 'GET',
      path: '/api/v2/validate',
      headers,
      answers: [200, 400, 404, 405, 410],
    } as const;
    const reply = await this.#api.observe(call, signal);
    const found = owner.safeParse(reply.body);
    if (reply.status !== 200 || !found.success) return null;
    return { organisation: found.data.data.id, keyId: found.data.data.attributes.api_key_id ?? null };
  }

  list(signal: AbortSignal): Promise<KeyList> {
    return readSteadyList(this.context.name, () => this.#readPages(signal));
  }

  async #readPages(signal: AbortSignal): Promise<KeyList & { pages: number }> {
    const keys: ApiKey[] = [];
    for (let number = 0; number < mostPages; number++) {
      const query = { 'page[size]': `${pageSize}`, 'page[number]': `${number}`, sort: 'created_at' };
      const call = { title: 'list keys', method: 'GET', path: '/api/v2/api_keys', query, answers: [200] } as const;
      const { data, meta } = (await this.#api.observe({ ...call, headers: await this.#management() }, signal)).read(page);
      keys.push(...data);
      const isLast = data.length < pageSize || keys.length === meta?.page?.total_filtered_count;
      if (isLast) return { keys, maxAllowed: meta?.max_allowed ?? null, pages: number + 1 };
    }
    throw new RekeyError('KR_STORE_REFUSED', `${this.context.name}: list keys: there are more than ${mostPages * pageSize}`);
  }

  /**
   * The key with its value, which Datadog shows at any time, except for the keys of its own
   * integrations; null where there is none.
   */
  async get(id: string, signal: AbortSignal): Promise<ApiKey | null> {
    if (!/^[\w-]+$/.test(id)) return null;
    const reply = await this.#api.observe(
      {
        title: 'read a key',
        method: 'GET',
        path: path`/api/v2/api_keys/${id}`,
        headers: await this.#management(),
        answers: [200, 404],
      },
      signal,
    );
    return reply.status === 404 ? null : reply.read(one).data;
  }

  async create(wanted: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<MintedKey> {
    const body = { data: { type: 'api_keys', attributes: wanted } };
    const reply = await this.#api.effect(
      {
        title: 'create a key',
        method: 'POST',
        path: '/api/v2/api_keys',
        headers: await this.#management(),
        body,
        answers: [201],
      },
      signal,
    );
    return reply.read(minted);
  }

  /** 404 is the answer to a key that is already gone. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#api.effect(
      {
        title: 'revoke a key',
        method: 'DELETE',
        path: path`/api/v2/api_keys/${id}`,
        headers: await this.#management(),
        answers: [204, 404],
      },
      signal,
    );
  }

  /** Asks every endpoint; never by sending data, since intake takes any well-formed key. */
  async validate(key: Secret, signal: AbortSignal): Promise<Probe['endpoints']> {
    const call = {
      title: 'validate a key',
      method: 'GET',
      path: '/api/v1/validate',
      headers: { 'dd-api-key': key },
      answers: [200, 401, 403],
    } as const;
    return this.#endpoints.ask(async (http) => accepts(await http.observe(call, signal)));
  }

  async #management(): Promise<Record<string, Secret>> {
    return {
      'dd-api-key': await this.#apiKey(),
      'dd-application-key': await this.context.resolve(this.settings.management.applicationKey),
    };
  }

  #apiKey(): Promise<Secret> {
    return this.context.resolve(this.settings.management.apiKey);
  }
}

function accepts(reply: Reply): boolean {
  return reply.status === 200 && reply.read(validation).valid;
}
