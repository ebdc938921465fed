/**
 * Owns the calls on API keys of a DocSpace portal: ApiKeysController.cs of
 * ONLYOFFICE/DocSpace-server v3.7.2, and of a later version where that differs.
 */
import { z } from 'zod';
import type { Json } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import type { MintedKey } from '../../../ports/key-store.js';
import type { Secret } from '../../../ports/secret.js';
import { bearer } from '../../http/bearer.js';
import type { Call, HttpClient } from '../../http/client.js';
import { path } from '../../http/path.js';
import { single } from '../../http/retry-after.js';
import { shownSecret } from '../../http/shown-secret.js';
import { storeClient } from '../../http/store-client.js';
import type { DocSpaceSettings } from './config.js';
import { bareStatuses, faultText } from './errors.js';

/** What is null is left out. Dates are in the portal's time zone, with its offset. */
const apiKey = z
  .object({
    id: z.guid(),
    name: z.string(),
    permissions: z.array(z.string()).nullish(),
    lastUsed: z.string().nullish(),
    createOn: z.string(),
    createBy: z.object({ id: z.string().min(1) }).nullish(),
    expiresAt: z.string().nullish(),
    isActive: z.boolean(),
  })
  .catchall(z.json());
const minted = z
  .object({ id: z.guid(), name: z.string(), key: shownSecret })
  .transform(({ key, ...rest }): MintedKey => ({ ...rest, secret: key }));

export type ApiKey = z.infer<typeof apiKey>;

const keys = '/api/2.0/keys';

/** A `status` that is not 0 is no success, whatever HTTP says. */
function envelope<T extends z.ZodType>(response: T) {
  return z.object({ status: z.literal(0), response });
}

export interface Changes {
  readonly name?: string;
  readonly permissions?: readonly string[];
  readonly isActive?: boolean;
}

/**
 * What DocSpace says of a change: that it made it; that it made none, with 200; or a 500 or 404 of
 * its own, which is what it answers for a key that is not there, too.
 */
export type Outcome = 'done' | 'not-done' | 'look';

export class DocSpaceClient {
  readonly #management: HttpClient;
  readonly #endpoint: HttpClient;

  constructor(
    private readonly settings: DocSpaceSettings,
    private readonly context: ConnectorContext,
  ) {
    const common = { baseUrl: settings.url, faultText };
    this.#management = storeClient(context, settings, { ...common, bareStatuses });
    // That a key is dead is believed of a bare 401 only: a page that says 401 comes from somebody
    // in between.
    this.#endpoint = storeClient(context, settings, common);
  }

  /** The key that we manage the store with, as the portal sees it. */
  async self(signal: AbortSignal): Promise<ApiKey> {
    const call = { title: 'look at the management key', method: 'GET', path: `${keys}/@self`, answers: [200] } as const;
    return (await this.#management.observe({ ...call, ...(await this.#asManagement()) }, signal)).read(envelope(apiKey)).response;
  }

  /**
   * Every key that the management key's user may see, inactive and expired ones too; never paged.
   */
  async list(signal: AbortSignal): Promise<{ readonly keys: readonly ApiKey[]; readonly readAt: number }> {
    const call = { title: 'list keys', method: 'GET', path: keys, answers: [200] } as const;
    const reply = await this.#management.observe({ ...call, ...(await this.#asManagement()) }, signal);
    // DocSpace's dates are compared with DocSpace's clock.
    const theirs = Date.parse(single(reply.headers.date) ?? '');
    return { keys: reply.read(envelope(z.array(apiKey))).response, readAt: Number.isNaN(theirs) ? Date.now() : theirs };
  }

  /**
   * The one answer that shows the secret. The source says 200, ONLYOFFICE's page "API keys" 201.
   */
  async create(
    wanted: { readonly name: string; readonly permissions: readonly string[]; readonly expiresInDays?: number },
    signal: AbortSignal,
  ): Promise<MintedKey> {
    const call = { title: 'create a key', method: 'POST', path: keys, body: wanted, answers: [200, 201] } as const;
    return (await this.#management.effect({ ...call, ...(await this.#asManagement()) }, signal)).read(envelope(minted)).response;
  }

  /** What is left out stays as it is. */
  update(title: string, id: string, changes: Changes, signal: AbortSignal): Promise<Outcome> {
    return this.#change({ title, method: 'PUT', path: path`/api/2.0/keys/${id}`, body: changes }, signal);
  }

  remove(id: string, signal: AbortSignal): Promise<Outcome> {
    return this.#change({ title: 'revoke a key', method: 'DELETE', path: path`/api/2.0/keys/${id}` }, signal);
  }

  /**
   * Whether the portal takes the key: `@self` asks for no scope, so that a weak key is no dead one.
   * It moves the last use.
   */
  async accepts(key: Secret, signal: AbortSignal): Promise<boolean> {
    const call = {
      title: 'ask with a key',
      method: 'GET',
      path: `${keys}/@self`,
      answers: [200, 401],
      emptyAnswers: [401],
    } as const;
    const reply = await this.#endpoint.observe({ ...call, ...bearer(key) }, signal);
    if (reply.status === 401) return false;
    reply.read(envelope(apiKey));
    return true;
  }

  async #change(call: Omit<Call, 'answers'>, signal: AbortSignal): Promise<Outcome> {
    const answers = [200, 404, 500] as const;
    const reply = await this.#management.effect({ ...call, answers, ...(await this.#asManagement()) }, signal);
    if (reply.status !== 200) return 'look';
    return reply.read(envelope(z.boolean())).response ? 'done' : 'not-done';
  }

  async #asManagement(): Promise<Pick<Call, 'headers' | 'secrets'>> {
    const token = await this.context.resolve(this.settings.management.token);
    // A session's token would need another header, has no `@self`, and ends with the session.
    if (token.reveal().startsWith('sk-')) return bearer(token);
    throw new RekeyError(
      'KR_STORE_UNAUTHORIZED',
      `${this.context.name}: the management token is not an API key: those of DocSpace begin with sk-; nothing was sent`,
    );
  }
}

/** Fields of a key that say which one it is and what became of it, not what it may. */
const notRights = /^(id|name|isActive|permissions|key\w*|\w*(On|At|By|Used))$/;

/**
 * Whatever a later version adds counts as a right until we know better: a difference that nobody
 * looked at must not pass.
 */
export function unknownRights(key: ApiKey): Record<string, Json> {
  return Object.fromEntries(Object.entries(key).filter(([field]) => !notRights.test(field))) as Record<string, Json>;
}
