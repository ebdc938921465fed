/**
 * Owns the calls of Algolia's key management that we make, as in `@algolia/client-search` 5.64.0.
 * The key stands in the address, so no address is ever shown.
 */
import { z } from 'zod';
import type { JsonObject } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import type { Probe } from '../../../ports/key-store.js';
import type { Secret } from '../../../ports/secret.js';
import type { HttpClient, Reply } from '../../http/client.js';
import { Endpoints } from '../../http/endpoints.js';
import { path } from '../../http/path.js';
import { single } from '../../http/retry-after.js';
import { scrub } from '../../http/scrub.js';
import { shownSecret } from '../../http/shown-secret.js';
import { storeClient } from '../../http/store-client.js';
import type { AlgoliaSettings } from './config.js';
import { existsAlready, faultOf, faultText, isAliveThough } from './errors.js';
import type { ReadRights } from './rights.js';

const shown = z.looseObject({
  value: shownSecret,
  createdAt: z.number(),
  description: z.string().default(''),
  validity: z.number().default(0),
});
const listed = z.object({ keys: z.array(shown) });
const made = z.object({ key: shownSecret });
const itself = z.object({ value: shownSecret });

export interface ApiKey {
  readonly value: Secret;
  readonly description: string;
  readonly rights: ReadRights;
}

export interface KeyList {
  readonly keys: readonly ApiKey[];
  /** By Algolia's clock: two houses' clocks differ, and `validity` counts by theirs. */
  readonly readAt: number;
}

export class AlgoliaClient {
  readonly #api: HttpClient;
  readonly #endpoints: Endpoints;

  constructor(
    private readonly settings: AlgoliaSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#api = storeClient(context, settings, { baseUrl: settings.url, faultText, faultOf });
    this.#endpoints = new Endpoints(settings.endpoints, (baseUrl, host) =>
      storeClient(context, settings, { baseUrl, faultText, label: `${context.name} at ${host}` }),
    );
  }

  /**
   * Every key with its value, in one answer. Asked of the host that changes are made through, which
   * is the first to know of them.
   */
  async list(signal: AbortSignal): Promise<KeyList> {
    const call = { title: 'list keys', method: 'GET', path: '/1/keys', answers: [200] } as const;
    const reply = await this.#api.observe({ ...call, headers: await this.#management() }, signal);
    const date = Date.parse(single(reply.headers.date) ?? '');
    return { keys: reply.read(listed).keys.map(keyOf), readAt: Number.isNaN(date) ? Date.now() : date };
  }

  async create(body: JsonObject, signal: AbortSignal): Promise<Secret> {
    const call = { title: 'create a key', method: 'POST', path: '/1/keys', body, answers: [200] } as const;
    return (await this.#api.effect({ ...call, headers: await this.#management() }, signal)).read(made).key;
  }

  /** Replaces everything but the value; false when there is no such key. */
  async replace(key: Secret, body: JsonObject, signal: AbortSignal): Promise<boolean> {
    return (await this.#change('update a key', 'PUT', '', key, signal, body)).status === 200;
  }

  /** 404 is the answer to a key that is already gone. */
  async remove(title: string, key: Secret, signal: AbortSignal): Promise<void> {
    await this.#change(title, 'DELETE', '', key, signal);
  }

  /**
   * False while the key is still there somewhere, or was never deleted: Algolia says the same to
   * both.
   */
  async restore(key: Secret, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#change('restore a key', 'POST', '/restore', key, signal);
    if (reply.status === 200) return true;
    if (existsAlready(reply.body)) return false;
    throw this.#refused('restore a key', reply, key);
  }

  /**
   * Asks every host for the key by itself, which needs no right at all to tell a live one from a
   * dead one.
   */
  async probe(key: Secret, signal: AbortSignal): Promise<Probe['endpoints']> {
    const call = {
      title: 'probe a key',
      method: 'GET',
      path: path`/1/keys/${key.reveal()}`,
      headers: { 'x-algolia-application-id': this.settings.appId, 'x-algolia-api-key': key },
      answers: [200, 403, 404],
    } as const;
    return this.#endpoints.ask(async (http) => this.#accepts(await http.observe(call, signal), key));
  }

  #accepts(reply: Reply, key: Secret): boolean {
    if (reply.status === 200) return reply.read(itself).value.equals(key);
    if (reply.status === 404) return false;
    const alive = isAliveThough(reply.body);
    if (alive === null) throw this.#refused('probe a key', reply, key);
    return alive;
  }

  async #change(
    title: string,
    method: 'PUT' | 'POST' | 'DELETE',
    below: '' | '/restore',
    key: Secret,
    signal: AbortSignal,
    body?: JsonObject,
  ): Promise<Reply> {
    const call = {
      title,
      method,
      path: `${path`/1/keys/${key.reveal()}`}${below}`,
      answers: [200, 404],
      secrets: [key],
    } as const;
    return this.#api.effect({ ...call, headers: await this.#management(), ...(body && { body }) }, signal);
  }

  #refused(title: string, { status, body }: Reply, key: Secret): RekeyError {
    const text = scrub(faultText(body) ?? '', [key]);
    return new RekeyError('KR_STORE_REFUSED', `${this.context.name}: ${title}: ${status}${text === '' ? '' : `: ${text}`}`);
  }

  async #management(): Promise<Record<string, string | Secret>> {
    return {
      'x-algolia-application-id': this.settings.appId,
      'x-algolia-api-key': await this.context.resolve(this.settings.management.adminKey),
    };
  }
}

function keyOf({ value, description, ...rights }: z.infer<typeof shown>): ApiKey {
  return { value, description, rights: rights as ReadRights };
}
