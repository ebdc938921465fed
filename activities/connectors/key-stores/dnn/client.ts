/**
 * Owns the calls of DNN's content service that we make: reads as documented for every app,
 * management of keys as assumed.
 */
import { z } from 'zod';
import type { Json } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import { Secret } from '../../../ports/secret.js';
import { bearer } from '../../http/bearer.js';
import type { Call, HttpClient, Reply } from '../../http/client.js';
import { path } from '../../http/path.js';
import { readSteadyList } from '../../http/steady-list.js';
import { storeClient } from '../../http/store-client.js';
import { type Assumption, assumptions, type DnnSettings, type Read } from './config.js';
import { faultText } from './errors.js';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly key: Secret;
  readonly permissions: Json;
}

/** Lists are alike all over the service (DNNDocs, about-structured-content-api-get-responses). */
const list = <T extends z.ZodType>(document: T) => z.object({ documents: z.array(document), totalResultCount: z.int().min(0) });
const anyList = list(z.unknown());

const pageSize = 100;
const mostPages = 50;

const readPaths: Readonly<Record<Read, string>> = { 'content-items': '/api/ContentItems', 'content-types': '/api/ContentTypes' };

export class DnnClient {
  readonly #http: HttpClient;

  constructor(
    private readonly settings: DnnSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#http = storeClient(context, settings, { baseUrl: settings.url, faultText });
  }

  /**
   * Whether the service answers at all. It is asked without a key: whether it would refuse a wrong
   * one here is not established.
   */
  async reach(signal: AbortSignal): Promise<void> {
    await this.#http.observe(
      { title: 'ask for the version', method: 'GET', path: '/api/version', answers: [200, 401], emptyAnswers: [200] },
      signal,
    );
  }

  /** Every key of the site. */
  async list(signal: AbortSignal): Promise<readonly ApiKey[]> {
    return (await readSteadyList(this.context.name, () => this.#readPages(signal))).keys;
  }

  /** Null where the site has no such key. */
  async get(id: string, signal: AbortSignal): Promise<ApiKey | null> {
    if (!/^[\w-]+$/.test(id)) return null;
    const reply = await this.#observe({ title: 'read a key', method: 'GET', path: this.#one(id), answers: [200, 404] }, signal);
    return reply.status === 404 ? null : reply.read(this.#apiKey());
  }

  async create(name: string, permissions: Json, signal: AbortSignal): Promise<ApiKey> {
    const call = { title: 'create a key', method: 'POST', path: this.settings.calls.keys.path } as const;
    const reply = await this.#effect({ ...call, body: this.#form(name, permissions), answers: [200, 201] }, signal);
    return reply.read(this.#apiKey());
  }

  /** Name and permissions; the value stays. */
  async update(id: string, name: string, permissions: Json, signal: AbortSignal): Promise<void> {
    const { method } = this.settings.calls.update;
    const call = { title: 'change a key', method, path: this.#one(id), body: this.#form(name, permissions) };
    await this.#effect({ ...call, answers: [200, 201, 204], emptyAnswers: [200, 201] }, signal);
  }

  /** The old value dies at once, and nothing brings it back. */
  async reset(id: string, signal: AbortSignal): Promise<ApiKey> {
    const { method, path: at } = this.settings.calls.reset;
    const call = { title: 'reset a key', method, path: at.replaceAll('{id}', path`${id}`), answers: [200, 201] };
    return (await this.#effect(call, signal, ['dnn-reset-call'])).read(this.#apiKey());
  }

  /** 404 is the answer to a key that is already gone. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    const call = { title: 'delete a key', method: 'DELETE', path: this.#one(id) } as const;
    await this.#effect({ ...call, answers: [200, 204, 404], emptyAnswers: [200] }, signal);
  }

  /** Whether a key may read something, asked for one entry of it. */
  async mayRead(what: Read, key: Secret, signal: AbortSignal): Promise<boolean> {
    const call = { title: `read ${what} with a key`, method: 'GET', path: readPaths[what], query: { maxItems: '1' } } as const;
    const reply = await this.#http.observe({ ...call, ...bearer(key), answers: [200, 401] }, signal);
    if (reply.status === 200) reply.read(anyList);
    return reply.status === 200;
  }

  /** Whether a key sees an item: false also where it is a key of another site. */
  async sees(item: string, key: Secret, signal: AbortSignal): Promise<boolean> {
    const call = { title: 'read a content item with a key', method: 'GET', path: path`/api/ContentItems/${item}` } as const;
    const reply = await this.#http.observe({ ...call, ...bearer(key), answers: [200, 401, 404] }, signal);
    return reply.status === 200;
  }

  async #readPages(signal: AbortSignal): Promise<{ keys: readonly ApiKey[]; pages: number }> {
    const keys: ApiKey[] = [];
    for (let pages = 1; pages <= mostPages; pages++) {
      const query = { startIndex: String(keys.length), maxItems: String(pageSize) };
      const call = { title: 'list keys', method: 'GET', path: this.settings.calls.keys.path, query, answers: [200] } as const;
      const { documents, totalResultCount } = (await this.#observe(call, signal)).read(list(this.#apiKey()));
      keys.push(...documents);
      if (documents.length === 0 || keys.length >= totalResultCount) return { keys, pages };
    }
    throw new RekeyError('KR_STORE_REFUSED', `${this.context.name}: list keys: there are more than ${mostPages * pageSize}`);
  }

  async #observe(call: Call, signal: AbortSignal): Promise<Reply> {
    return this.#http.observe({ ...call, ...(await this.#management()) }, signal);
  }

  async #effect(call: Call, signal: AbortSignal, assumed: readonly Assumption[] = []): Promise<Reply> {
    return this.#http.effect({ ...call, ...(await this.#management(assumed)) }, signal);
  }

  async #management(assumed: readonly Assumption[] = []): Promise<Pick<Call, 'headers' | 'secrets'>> {
    if (!this.settings.management) {
      const text = `${this.context.name}: DNN publishes no call for this, so a person does it; or give the store \`management: { token }\``;
      throw new RekeyError('KR_STORE_REFUSED', text);
    }
    for (const assumption of ['dnn-apikeys-calls', 'dnn-host-token', ...assumed] as const) this.#mustBeAccepted(assumption);
    return bearer(await this.context.resolve(this.settings.management.token));
  }

  /** Throws unless rekey.yaml takes the assumption on; nothing is sent before that. */
  #mustBeAccepted(assumption: Assumption): void {
    if (this.settings.accept.includes(assumption)) return;
    const text = `${this.context.name}: ${assumption}: ${assumptions[assumption]} Check it against your instance, then list ${assumption} under \`accept:\` of the store, or leave \`management\` out`;
    throw new RekeyError('KR_ASSUMPTION_NOT_ACCEPTED', text);
  }

  #one(id: string): string {
    return `${this.settings.calls.keys.path}${path`/${id}`}`;
  }

  #form(name: string, permissions: Json): Record<string, Json> {
    const { fields } = this.settings.calls;
    return { [fields.name]: name, [fields.permissions]: permissions };
  }

  #apiKey() {
    const { fields } = this.settings.calls;
    return z.record(z.string(), z.json()).transform((shown, context): ApiKey => {
      const text = (field: string): string => {
        const value = shown[field];
        if (typeof value === 'string' && value !== '') return value;
        if (typeof value === 'number') return String(value);
        context.addIssue({ code: 'custom', path: [field], message: 'missing' });
        return '';
      };
      const key = new Secret(text(fields.key));
      return { id: text(fields.id), name: text(fields.name), key, permissions: shown[fields.permissions] ?? null };
    });
  }
}
