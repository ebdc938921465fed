/**
 * Owns DNN Evoq as a key store: a second key beside the first is the way, a reset is for
 * emergencies, and without a host's token a person does both.
 */
import type { Json, JsonObject } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { carriesTag } from '../../../../workflows/domain/tag.js';
import type { ConnectorContext, KeyStoreConnector } from '../../../ports/connector.js';
import type {
  CreateKey,
  KeyDescription,
  KeyImage,
  KeyReference,
  KeyStore,
  KeyStoreCapabilities,
  MintedKey,
  Probe,
  RegeneratedKey,
  StoreAccount,
} from '../../../ports/key-store.js';
import type { Secret } from '../../../ports/secret.js';
import { type ApiKey, DnnClient } from './client.js';
import { attributes, config, type DnnSettings, longestName, type Read, reads, type Toggle, unpublishedCalls } from './config.js';

export const connector: KeyStoreConnector = {
  config,
  open: (settings, context) => new DnnKeyStore(settings as DnnSettings, context),
};

class DnnKeyStore implements KeyStore {
  readonly kind = 'dnn';
  readonly capabilities: KeyStoreCapabilities;
  /**
   * A host can read and change a key at any time; nobody can for us where there is no token of one.
   */
  readonly readSecret?: (keyId: string, signal: AbortSignal) => Promise<Secret | null>;
  readonly update?: (keyId: string, image: KeyImage, signal: AbortSignal) => Promise<void>;
  readonly #client: DnnClient;
  readonly #managed: boolean;

  constructor(
    private readonly settings: DnnSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#client = new DnnClient(settings, context);
    this.#managed = settings.management !== null;
    if (this.#managed) {
      this.readSecret = async (keyId, signal) => (await this.#client.get(keyId, signal))?.key ?? null;
      this.update = (keyId, image, signal) => this.#update(keyId, image, signal);
    }
    this.capabilities = {
      secretReadable: this.#managed ? 'always' : 'never',
      idIsSecret: false,
      listsKeys: this.#managed,
      regenerate: true,
      disable: false,
      undoDelete: 'none',
      minKeys: 0,
      names: { maxLength: longestName, unique: false },
      timing: settings.timing,
      lastUsed: 'none',
      probeMovesLastUsed: false,
      probeRetryOn401: true,
      assumptions: Object.keys(unpublishedCalls),
    };
  }

  async check(signal: AbortSignal): Promise<StoreAccount> {
    const identity = `${new URL(this.settings.url).host}/${this.settings.site}`;
    // The token of a browser session is no key, so no key of the store can be the one that we
    // manage it with.
    if (this.#managed) return { identity, managementKeyId: null, keys: (await this.#client.list(signal)).length, maxKeys: null };
    await this.#client.reach(signal);
    return { identity, managementKeyId: null, keys: 0, maxKeys: null };
  }

  async list(signal: AbortSignal): Promise<readonly KeyDescription[]> {
    return this.#managed ? (await this.#client.list(signal)).map((key) => this.#describe(key)) : [];
  }

  async findByTag(prefix: string, signal: AbortSignal): Promise<readonly KeyDescription[]> {
    // `searchText` is not used: what it compares is not documented, and a key that it overlooks
    // would be minted twice.
    return (await this.list(signal)).filter(({ name }) => carriesTag(name, prefix));
  }

  async describe(keyId: string, signal: AbortSignal): Promise<KeyDescription | null> {
    const key = this.#managed ? await this.#client.get(keyId, signal) : null;
    return key && this.#describe(key);
  }

  async create(request: CreateKey, signal: AbortSignal): Promise<MintedKey> {
    const declared = attributes.parse(request.attributes);
    // A rotation changes the value and nothing else: what the old key may do stands above what the
    // file says by now.
    const permissions =
      request.likeKeyId === null
        ? this.#words(declared.permissions ?? [])
        : (await this.#existing(request.likeKeyId, signal)).permissions;
    if (Array.isArray(permissions) && permissions.length === 0)
      throw new RekeyError(
        'KR_STORE_REFUSED',
        `${this.context.name}: a key without \`permissions\` could do nothing, and prove nothing`,
      );
    const made = await this.#client.create(`${declared.name} ${request.tag}`, permissions, signal);
    return { id: made.id, name: made.name, secret: made.key };
  }

  /**
   * Reads with the key: 401 says both that it is dead and that it is weak, so it is asked only for
   * what it is known to be allowed. Reading is part of every toggle; whether it may also write
   * shows only when it does, and a probe changes nothing.
   */
  async probe({ keyId, secret }: KeyReference, signal: AbortSignal): Promise<Probe> {
    const known = this.#managed && this.settings.reads === null ? await this.#readsOf(keyId, signal) : this.settings.reads;
    const endpoint = (what: string) => `${new URL(this.settings.url).host} ${what}`;
    const endpoints: Probe['endpoints'][number][] = [];
    if (known === null) endpoints.push({ endpoint: endpoint('content'), accepted: await this.#mayReadAny(secret, signal) });
    else
      for (const what of known)
        endpoints.push({
          endpoint: endpoint(what.replace('-', ' ')),
          accepted: await this.#client.mayRead(what, secret, signal),
        });
    const { contentItem } = this.settings;
    if (contentItem !== null)
      endpoints.push({
        endpoint: endpoint(`of ${this.settings.site}`),
        accepted: await this.#client.sees(contentItem, secret, signal),
      });
    return { endpoints };
  }

  async revoke(keyId: string, signal: AbortSignal): Promise<void> {
    await this.#client.remove(keyId, signal);
  }

  async regenerate(keyId: string, signal: AbortSignal): Promise<RegeneratedKey> {
    const { key } = await this.#client.reset(keyId, signal);
    return { secret: key, secretChanged: markOf(key) };
  }

  async #update(keyId: string, { name, rights, state }: KeyImage, signal: AbortSignal): Promise<void> {
    if (state !== 'live') throw new RekeyError('KR_STORE_REFUSED', `${this.context.name}: a DNN key cannot be disabled`);
    const { permissions } = rights;
    await this.#client.update(keyId, name, Array.isArray(permissions) ? this.#words(permissions) : (permissions ?? null), signal);
  }

  async #mayReadAny(secret: Secret, signal: AbortSignal): Promise<boolean> {
    for (const what of reads) if (await this.#client.mayRead(what, secret, signal)) return true;
    return false;
  }

  /** Null where its rights are not known, as those of a key that is gone. */
  async #readsOf(keyId: string, signal: AbortSignal): Promise<readonly Read[] | null> {
    const { permissions } = (await this.describe(keyId, signal))?.rights ?? {};
    if (!Array.isArray(permissions)) return null;
    const known = reads.filter((what) => permissions.some((toggle) => String(toggle).endsWith(what)));
    return known.length > 0 ? known : null;
  }

  async #existing(keyId: string, signal: AbortSignal): Promise<ApiKey> {
    const found = await this.#client.get(keyId, signal);
    if (found) return found;
    throw new RekeyError('KR_STORE_REFUSED', `${this.context.name}: there is no key ${keyId} on ${this.settings.site}`);
  }

  #describe({ id, name, key, permissions }: ApiKey): KeyDescription {
    return { id, name, state: 'live', rights: this.#rights(permissions), secretChanged: markOf(key) };
  }

  /**
   * In the words of the form where they are known, as they came where not: a difference that nobody
   * looked at must not pass.
   */
  #rights(permissions: Json): JsonObject {
    if (!Array.isArray(permissions)) return { permissions };
    const toggleOf = new Map(Object.entries(this.settings.calls.permissions).map(([toggle, word]) => [word, toggle]));
    return {
      permissions: permissions.map((p: Json) => (typeof p === 'string' ? (toggleOf.get(p) ?? p) : JSON.stringify(p))).sort(),
    };
  }

  #words(permissions: readonly Json[]): Json {
    return permissions.map((toggle) => this.settings.calls.permissions[toggle as Toggle] ?? toggle);
  }
}

/**
 * DNN shows no time of the last reset, but the value itself, and a value that is another one was
 * changed.
 */
function markOf(value: Secret): string {
  return value.fingerprint;
}
