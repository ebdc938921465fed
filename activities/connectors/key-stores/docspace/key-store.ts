/**
 * Owns ONLYOFFICE DocSpace as a key store: a secret is shown once, a key can be switched off and on
 * again, and acts as the user who made it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { carriesTag } from '../../../../workflows/domain/tag.js';
import type { ConnectorContext, KeyStoreConnector } from '../../../ports/connector.js';
import type {
  CreateKey,
  DisabledKey,
  KeyDescription,
  KeyImage,
  KeyReference,
  KeyStore,
  KeyStoreCapabilities,
  MintedKey,
  Probe,
  StoreAccount,
} from '../../../ports/key-store.js';
import { type ApiKey, DocSpaceClient, type Outcome, unknownRights } from './client.js';
import { attributes, config, type DocSpaceSettings, everything, longestName, permissionsOf } from './config.js';

export const connector: KeyStoreConnector = {
  config,
  open: (settings, context) => new DocSpaceKeyStore(settings as DocSpaceSettings, context),
};

/**
 * An authentication reads the key's row and writes it back whole (ApiKeyManager.cs,
 * ValidateApiKeyAsync): one that had read it before our change undoes that. After this time, in
 * milliseconds, it has written; DocSpace says nothing of it, so the time is ours.
 */
const raceLasts = 500;

class DocSpaceKeyStore implements KeyStore {
  readonly kind = 'docspace';
  readonly capabilities: KeyStoreCapabilities;
  readonly #client: DocSpaceClient;

  constructor(
    private readonly settings: DocSpaceSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#client = new DocSpaceClient(settings, context);
    this.capabilities = {
      secretReadable: 'never',
      idIsSecret: false,
      listsKeys: true,
      regenerate: false,
      disable: true,
      undoDelete: 'none',
      minKeys: 0,
      names: { maxLength: longestName, unique: false },
      timing: settings.timing,
      lastUsed: 'exact',
      probeMovesLastUsed: true,
      probeRetryOn401: true,
      assumptions: [],
    };
  }

  async check(signal: AbortSignal): Promise<StoreAccount> {
    const self = await this.#client.self(signal);
    const may = permissionsOf(rightsOf(self));
    if (!may.includes(everything) && !may.includes('*:write'))
      throw this.#refused(`the management key may only ${may.join(', ')}; managing keys takes *:write, or no restriction`);
    const { keys } = await this.#client.list(signal);
    return { identity: `user ${this.#userOf(self)}`, managementKeyId: self.id, keys: keys.length, maxKeys: null };
  }

  async list(signal: AbortSignal): Promise<readonly KeyDescription[]> {
    const { keys, readAt } = await this.#client.list(signal);
    return keys.map((key) => describeKey(key, readAt));
  }

  async findByTag(prefix: string, signal: AbortSignal): Promise<readonly KeyDescription[]> {
    return (await this.list(signal)).filter(({ name }) => carriesTag(name, prefix));
  }

  /** There is no call for one key. */
  async describe(keyId: string, signal: AbortSignal): Promise<KeyDescription | null> {
    return (await this.list(signal)).find(({ id }) => id === keyId) ?? null;
  }

  async create(request: CreateKey, signal: AbortSignal): Promise<MintedKey> {
    const declared = attributes.parse(request.attributes);
    const wanted = request.likeKeyId === null ? declared : await this.#rightsLike(request.likeKeyId, signal);
    // What DocSpace makes of silence is a key without restriction.
    if (!wanted.permissions)
      throw this.#refused('a first key needs `permissions` among its attributes: * for everything that its user may');
    const { expiresInDays } = wanted;
    return this.#client.create(
      { name: request.tag, permissions: wanted.permissions, ...(expiresInDays !== undefined && { expiresInDays }) },
      signal,
    );
  }

  async probe(key: KeyReference, signal: AbortSignal): Promise<Probe> {
    return {
      endpoints: [{ endpoint: new URL(this.settings.url).host, accepted: await this.#client.accepts(key.secret, signal) }],
    };
  }

  async lastUsed(keyId: string, signal: AbortSignal): Promise<string | null> {
    const shown = (await this.#client.list(signal)).keys.find(({ id }) => id === keyId)?.lastUsed ?? null;
    // The same moment reads differently when the portal's time zone, or summer time, has changed.
    const moment = Date.parse(shown ?? '');
    return Number.isNaN(moment) ? shown : new Date(moment).toISOString();
  }

  async revoke(keyId: string, signal: AbortSignal): Promise<void> {
    const outcome = await this.#change('revoke a key', keyId, (id) => this.#client.remove(id, signal));
    if (outcome === 'done' || outcome === 'no-key') return;
    // A second delete, and one whose reply was lost, are answered 500: only the list tells.
    if (await this.#lookAfter('revoke a key', keyId, 0, signal)) throw this.#unclear('revoke a key', 'the key is still there');
  }

  disable(keyId: string, signal: AbortSignal): Promise<void> {
    return this.#switch(keyId, false, signal);
  }

  enable({ keyId }: DisabledKey, signal: AbortSignal): Promise<void> {
    return this.#switch(keyId, true, signal);
  }

  /**
   * Everything that can be changed is sent, although DocSpace keeps what is left out; what cannot
   * be changed must be as it is.
   */
  async update(keyId: string, image: KeyImage, signal: AbortSignal): Promise<void> {
    const { permissions, ...fixed } = image.rights;
    const present = await this.describe(keyId, signal);
    if (!present) throw this.#noKey(keyId);
    const other = Object.keys(fixed).filter((name) => JSON.stringify(fixed[name]) !== JSON.stringify(present.rights[name]));
    if (other.length > 0) throw this.#refused(`${other.join(', ')} of a key cannot be changed`);
    if (!Array.isArray(permissions) || permissions.length === 0)
      throw this.#refused('the image of a key lacks its permissions, which DocSpace would then leave as they are');

    const changes = { name: image.name, permissions: permissionsOf({ permissions }), isActive: image.state === 'live' };
    const outcome = await this.#change('update a key', keyId, (id) => this.#client.update('update a key', id, changes, signal));
    if (outcome === 'done') return;
    if (outcome === 'no-key' || !(await this.#lookAfter('update a key', keyId, 0, signal))) throw this.#noKey(keyId);
    throw this.#unclear('update a key', 'DocSpace failed');
  }

  /** A change of the switch that is not seen to hold is none: see `raceLasts`. */
  async #switch(keyId: string, isActive: boolean, signal: AbortSignal): Promise<void> {
    const title = isActive ? 'enable a key' : 'disable a key';
    const outcome = await this.#change(title, keyId, (id) => this.#client.update(title, id, { isActive }, signal));
    const seen = outcome === 'no-key' ? null : await this.#lookAfter(title, keyId, raceLasts, signal);
    if (!seen) throw this.#noKey(keyId);
    if ((seen.state === 'live') !== isActive)
      throw this.#unclear(title, `it is ${seen.state}: the change failed, or another authentication wrote the old state back`);
  }

  /**
   * Throws where DocSpace answers that it did nothing; a key whose id no key can have is not asked
   * for.
   */
  async #change(title: string, keyId: string, send: (id: string) => Promise<Outcome>): Promise<'done' | 'look' | 'no-key'> {
    if (!guid.test(keyId)) return 'no-key';
    const outcome = await send(keyId);
    if (outcome !== 'not-done') return outcome;
    throw this.#refused(`${title}: DocSpace answers that it changed nothing: the key has expired, or belongs to another user`);
  }

  /**
   * A look at what became of a request that was sent. That the look fails does not mean that
   * nothing happened.
   */
  async #lookAfter(title: string, keyId: string, pause: number, signal: AbortSignal): Promise<KeyDescription | null> {
    try {
      await sleep(pause, undefined, { signal });
      return await this.describe(keyId, signal);
    } catch (error) {
      const { detail, retryAfterMs } = error instanceof RekeyError ? error : { detail: 'cancelled', retryAfterMs: undefined };
      throw this.#unclear(title, `it was sent, but its outcome could not be seen: ${detail}`, retryAfterMs);
    }
  }

  async #rightsLike(keyId: string, signal: AbortSignal): Promise<{ permissions: readonly string[]; expiresInDays?: number }> {
    const like = await this.describe(keyId, signal);
    if (!like) throw this.#refused(`key ${keyId}, whose rights the new one takes over, does not exist`);
    const { permissions, expiresInDays, actsAs, ...unknown } = like.rights;
    const user = this.#userOf(await this.#client.self(signal));
    if (actsAs !== user)
      throw this.#refused(
        `key ${keyId} acts as user ${String(actsAs)}, and a new one would act as user ${user}, whose the management key is; give the store a management key of the former`,
      );
    if (Object.keys(unknown).length > 0)
      throw this.#refused(`key ${keyId} has rights that rekey does not know how to give: ${Object.keys(unknown).join(', ')}`);
    return {
      permissions: permissionsOf({ permissions: permissions ?? null }),
      ...(typeof expiresInDays === 'number' && { expiresInDays }),
    };
  }

  /**
   * Keys act as a user: an account is a user's, and a management key of another user would make
   * keys of another power.
   */
  #userOf(self: ApiKey): string {
    if (self.createBy) return self.createBy.id;
    throw this.#refused('DocSpace does not say whose the management key is');
  }

  #noKey(keyId: string): RekeyError {
    return this.#refused(`there is no key ${keyId}`);
  }

  #refused(text: string): RekeyError {
    return new RekeyError('KR_STORE_REFUSED', `${this.context.name}: ${text}`);
  }

  #unclear(title: string, text: string, retryAfterMs?: number): RekeyError {
    return new RekeyError('KR_STORE_UNCLEAR', `${this.context.name}: ${title}: ${text}`, retryAfterMs);
  }
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function describeKey(key: ApiKey, now: number): KeyDescription {
  const expired = key.expiresAt !== null && key.expiresAt !== undefined && Date.parse(key.expiresAt) <= now;
  return {
    id: key.id,
    name: key.name,
    // A job deactivates what has expired, and it can never be activated again: so that is told
    // first.
    state: expired ? 'expired' : key.isActive ? 'live' : 'disabled',
    rights: rightsOf(key),
    secretChanged: null,
  };
}

function rightsOf(key: ApiKey): JsonObject {
  return {
    ...unknownRights(key),
    permissions: [...permissionsOf({ permissions: key.permissions ?? [] })].sort(),
    actsAs: key.createBy?.id ?? null,
    expiresInDays: key.expiresAt ? Math.round((Date.parse(key.expiresAt) - Date.parse(key.createOn)) / 86_400_000) : null,
  };
}
