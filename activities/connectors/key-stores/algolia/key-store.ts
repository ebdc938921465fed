/**
 * Owns Algolia as a key store: the key is its own id, so a hash of it stands for it everywhere
 * else; disabling deletes, and enabling restores.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../../../workflows/domain/credential.js';
import { parseDuration } from '../../../../workflows/domain/duration.js';
import { errorCodes } from '../../../../workflows/domain/error-codes.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { canonicalJson } from '../../../../workflows/domain/json.js';
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
import type { Secret } from '../../../ports/secret.js';
import { AlgoliaClient, type ApiKey } from './client.js';
import { type AlgoliaSettings, attributes, config, longestName } from './config.js';
import { bodyOf, openRights, rightsOf } from './rights.js';

export const connector: KeyStoreConnector = {
  config,
  open: (settings, context) => new AlgoliaKeyStore(settings as AlgoliaSettings, context),
};

/** Milliseconds between two looks at a list that may not have heard of a change yet. */
const pollInterval = 300;

interface Found {
  readonly key: ApiKey;
  readonly readAt: number;
}

class AlgoliaKeyStore implements KeyStore {
  readonly kind = 'algolia';
  readonly capabilities: KeyStoreCapabilities;
  readonly #client: AlgoliaClient;

  constructor(
    private readonly settings: AlgoliaSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#client = new AlgoliaClient(settings, context);
    this.capabilities = {
      secretReadable: 'always',
      idIsSecret: true,
      listsKeys: true,
      regenerate: false,
      disable: true,
      // The latest 1,000 deleted keys of an application can be restored ("How to restore an API
      // key").
      undoDelete: 'api',
      minKeys: 0,
      names: { maxLength: longestName, unique: false },
      timing: settings.timing,
      // The use of keys is not recorded; the logs show three characters of a key, for some requests
      // of some servers.
      lastUsed: 'none',
      probeMovesLastUsed: false,
      probeRetryOn401: true,
      assumptions: [],
    };
  }

  async check(signal: AbortSignal): Promise<StoreAccount> {
    const { keys } = await this.#client.list(signal);
    const admin = await this.context.resolve(this.settings.management.adminKey);
    // No admin key can be made over the API, so the one that we manage with can never be rotated by
    // it.
    return { identity: this.settings.appId, managementKeyId: admin.handle, keys: keys.length, maxKeys: null };
  }

  async list(signal: AbortSignal): Promise<readonly KeyDescription[]> {
    const { keys, readAt } = await this.#client.list(signal);
    return keys.map((key) => describeKey({ key, readAt }));
  }

  async findByTag(prefix: string, signal: AbortSignal): Promise<readonly KeyDescription[]> {
    return (await this.list(signal)).filter(({ name }) => carriesTag(name, prefix));
  }

  async describe(keyId: string, signal: AbortSignal): Promise<KeyDescription | null> {
    const found = await this.#find(keyId, signal);
    return found && describeKey(found);
  }

  async create(request: CreateKey, signal: AbortSignal): Promise<MintedKey> {
    const { name, securedKeys: _, ...declared } = attributes.parse(request.attributes);
    const description = `${name} ${request.tag}`;
    // A rotation changes the secret and nothing else: what the old key may do stands above what the
    // file says by now.
    const body =
      request.likeKeyId === null
        ? this.#firstBody(description, declared as JsonObject)
        : await this.#bodyLike(request.likeKeyId, description, signal);
    const secret = await this.#client.create(body, signal);
    return { id: secret.handle, name: description, secret };
  }

  async readSecret(keyId: string, signal: AbortSignal): Promise<Secret | null> {
    return (await this.#find(keyId, signal))?.key.value ?? null;
  }

  async probe(key: KeyReference, signal: AbortSignal): Promise<Probe> {
    return { endpoints: await this.#client.probe(key.secret, signal) };
  }

  /**
   * Only the list tells which key a handle stands for; one that was made a moment ago may be
   * missing in it, so it is looked at twice.
   */
  async revoke(keyId: string, signal: AbortSignal): Promise<void> {
    let found = await this.#find(keyId, signal);
    if (!found) {
      await pause(signal);
      found = await this.#find(keyId, signal);
    }
    if (found) await this.#client.remove('revoke a key', found.key.value, signal);
  }

  /**
   * Algolia has no switch: the key is deleted, and can be restored while it is among the latest
   * 1,000 that were.
   */
  async disable(keyId: string, signal: AbortSignal): Promise<void> {
    const found = await this.#find(keyId, signal);
    if (found) await this.#client.remove('disable a key by deleting it', found.key.value, signal);
  }

  /**
   * Restores the key, and puts its rights back: a restored key never expires. While its deletion is
   * still spreading it cannot be restored, which is waited for.
   */
  async enable({ secret, rights }: DisabledKey, signal: AbortSignal): Promise<void> {
    if (!secret) throw this.#refused('a key is restored by its value, and that is not in the vault');
    const wanted = Object.keys(rights).length > 0 ? rights : null;
    // Before anything is sent: a key whose time is over would be restored for ever.
    if (wanted) bodyOf(this.context.name, '', wanted, Date.now());
    let restored = false;
    do {
      restored = (await this.#client.restore(secret, signal)) || restored;
      if (restored && !wanted) return;
      if (await this.#putBack(secret, wanted, restored, signal)) return;
      await pause(signal);
    } while (!signal.aborted);
    throw new RekeyError(
      restored ? 'KR_STORE_UNCLEAR' : 'KR_STORE_UNAVAILABLE',
      `${this.context.name}: restore a key: ${restored ? 'its rights are not back yet' : 'its deletion has not reached every host yet'}`,
    );
  }

  /**
   * A rewrite of the whole key. What is as it is shown stays as it is, so that no mask is ever
   * written back.
   */
  async update(keyId: string, image: KeyImage, signal: AbortSignal): Promise<void> {
    if (image.state !== 'live') throw this.#refused('a key is either there or deleted: disable it instead of updating it');
    const found = await this.#find(keyId, signal);
    if (!found) throw this.#refused(`key ${keyId} does not exist`);
    const description = image.name === nameOf(found.key) ? found.key.description : image.name;
    if (description === mask) throw this.#refused(`${mask} is what Algolia shows instead of a description, and no description`);
    const body = bodyOf(this.context.name, description, image.rights, found.readAt);
    if (!(await this.#client.replace(found.key.value, body, signal))) throw this.#refused(`key ${keyId} does not exist any more`);
  }

  leastGrace(given: JsonObject): number {
    const { securedKeys } = attributes.parse(given);
    return securedKeys ? parseDuration(securedKeys.validFor) : 0;
  }

  async #find(keyId: string, signal: AbortSignal): Promise<Found | null> {
    const { keys, readAt } = await this.#client.list(signal);
    const key = keys.find(({ value }) => value.handle === keyId);
    return key ? { key, readAt } : null;
  }

  #firstBody(description: string, { acl, validity, ...limits }: JsonObject): JsonObject {
    if (acl === undefined) throw this.#refused('a first key needs `acl` among its attributes');
    const { validUntil: _, ...open } = openRights;
    return { ...open, ...limits, acl, description, validity: validity ?? 0 };
  }

  async #bodyLike(keyId: string, description: string, signal: AbortSignal): Promise<JsonObject> {
    const like = await this.#find(keyId, signal);
    if (!like) throw this.#refused(`key ${keyId}, whose rights the new one takes over, does not exist`);
    return bodyOf(this.context.name, description, rightsOf(like.key.rights, like.readAt), like.readAt);
  }

  /**
   * Whether the key is there with the rights that are wanted; what was restored already is never
   * said to be unchanged.
   */
  async #putBack(secret: Secret, wanted: JsonObject | null, restored: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      const { keys, readAt } = await this.#client.list(signal);
      const key = keys.find(({ value }) => value.equals(secret));
      if (!key) return false;
      if (!wanted || canonicalJson(rightsOf(key.rights, readAt)) === canonicalJson(wanted)) return true;
      return await this.#client.replace(secret, bodyOf(this.context.name, key.description, wanted, readAt), signal);
    } catch (error) {
      if (!restored || !(error instanceof RekeyError) || errorCodes[error.code].effect !== 'none') throw error;
      throw new RekeyError('KR_STORE_UNCLEAR', `${error.detail}; the key is restored, its rights may not be`, error.retryAfterMs);
    }
  }

  #refused(text: string): RekeyError {
    return new RekeyError('KR_STORE_REFUSED', `${this.context.name}: ${text}`);
  }
}

/** What Algolia shows of a description to a key that is not the admin key. */
const mask = '<redacted>';

function describeKey({ key, readAt }: Found): KeyDescription {
  return { id: key.value.handle, name: nameOf(key), state: 'live', rights: rightsOf(key.rights, readAt), secretChanged: null };
}

/** Some people put the key into its description. */
function nameOf({ value, description }: ApiKey): string {
  return description.replaceAll(value.reveal(), '[removed]');
}

/** Ends early when the caller gives up: the next request says so. */
async function pause(signal: AbortSignal): Promise<void> {
  await sleep(pollInterval, undefined, { signal }).catch(() => undefined);
}
