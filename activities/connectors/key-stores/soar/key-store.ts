/**
 * Owns IBM QRadar SOAR as a key store: secrets are shown once, can be regenerated in place, and a
 * login that is refused is dangerous.
 */
import type { Json } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { carriesTag } from '../../../../workflows/domain/tag.js';
import type { ConnectorContext, KeyStoreConnector } from '../../../ports/connector.js';
import type {
  CreateKey,
  KeyDescription,
  KeyReference,
  KeyStore,
  KeyStoreCapabilities,
  MintedKey,
  Probe,
  RegeneratedKey,
  StoreAccount,
} from '../../../ports/key-store.js';
import { storeFaults } from '../../http/faults.js';
import { type ApiKey, SoarClient } from './client.js';
import { attributes, config, longestName, type SoarSettings, unpublishedCalls } from './config.js';
import { Destinations } from './destinations.js';

export const connector: KeyStoreConnector = {
  config,
  open: (settings, context) => new SoarKeyStore(settings as SoarSettings, context),
};

class SoarKeyStore implements KeyStore {
  readonly kind = 'soar';
  readonly capabilities: KeyStoreCapabilities;
  /**
   * Reading apps is assumed; where that is not taken on, the store does not know who uses a key.
   */
  readonly consumersOf?: (keyId: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Changing destinations is assumed, too. */
  readonly copyMemberships?: (keyId: string, likeKeyId: string, signal: AbortSignal) => Promise<boolean>;
  readonly #client: SoarClient;
  readonly #destinations: Destinations;

  constructor(
    private readonly settings: SoarSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#client = new SoarClient(settings, context, storeFaults, context.name);
    this.#destinations = new Destinations(this.#client, context.name);
    if (settings.accept.includes('soar-deploy-call')) this.consumersOf = (keyId, signal) => this.#appsOf(keyId, signal);
    if (settings.accept.includes('soar-destinations-call'))
      this.copyMemberships = async (keyId, likeKeyId, signal) => {
        const [key, like] = await Promise.all([this.#existing(keyId, signal), this.#client.get(likeKeyId, signal)]);
        return like !== null && this.#destinations.add(key, like.key, signal);
      };
    this.capabilities = {
      secretReadable: 'never',
      idIsSecret: false,
      listsKeys: true,
      regenerate: true,
      disable: false,
      undoDelete: 'none',
      minKeys: 0,
      names: { maxLength: longestName, unique: true },
      timing: settings.timing,
      lastUsed: 'none',
      probeMovesLastUsed: false,
      probeRetryOn401: false,
      assumptions: Object.keys(unpublishedCalls),
    };
  }

  async check(signal: AbortSignal): Promise<StoreAccount> {
    const { uuid, clientId } = await this.#client.login(signal);
    const keys = await this.#client.list(signal);
    return {
      identity: uuid,
      managementKeyId: keys.find((key) => clientId !== null && this.#client.clientIdOf(key) === clientId)?.id ?? null,
      keys: keys.length,
      maxKeys: null,
    };
  }

  async list(signal: AbortSignal): Promise<readonly KeyDescription[]> {
    return (await this.#client.list(signal)).map((key) => describeKey(key, Date.now()));
  }

  async findByTag(prefix: string, signal: AbortSignal): Promise<readonly KeyDescription[]> {
    return (await this.list(signal)).filter(({ name }) => carriesTag(name, prefix));
  }

  async describe(keyId: string, signal: AbortSignal): Promise<KeyDescription | null> {
    const found = await this.#client.get(keyId, signal);
    return found && describeKey(found.key, found.readAt);
  }

  async create(request: CreateKey, signal: AbortSignal): Promise<MintedKey> {
    this.#client.mustBeAccepted('soar-create-call');
    const declared = attributes.parse(request.attributes);
    const like = request.likeKeyId === null ? null : await this.#existing(request.likeKeyId, signal);
    // Its place in them comes later; that they cannot be read should show while nothing has
    // happened.
    if (like) await this.#destinations.of(like, signal);
    const handles = like?.permissions ?? declared.permissions ?? [];
    const { permissionsAs } = this.settings.calls.create;
    const permissions = permissionsAs === 'handles' && Array.isArray(handles) ? { permission_handles: handles } : handles;
    const { key, secret } = await this.#client.create({ display_name: `${declared.name} ${request.tag}`, permissions }, signal);
    return { id: key.id, name: key.display_name, secret };
  }

  async probe(key: KeyReference, signal: AbortSignal): Promise<Probe> {
    const found = await this.#client.get(key.keyId, signal);
    const endpoint = new URL(this.settings.url).host;
    if (!found) return { endpoints: [{ endpoint: `${endpoint} (it is gone)`, accepted: false }] };
    // What is known to be refused is not tried: a refused login counts against this address, too.
    const { state } = describeKey(found.key, found.readAt);
    if (state !== 'live') return { endpoints: [{ endpoint: `${endpoint} (${shutOut[state]})`, accepted: false }] };
    return {
      endpoints: [{ endpoint, accepted: await this.#client.tryLogin(this.#client.clientIdOf(found.key), key.secret, signal) }],
    };
  }

  /**
   * First off its destinations: a key that is gone is known by its number only, and could not be
   * found in them any more.
   */
  async revoke(keyId: string, signal: AbortSignal): Promise<void> {
    if (this.settings.accept.includes('soar-destinations-call')) {
      const found = await this.#client.get(keyId, signal);
      if (found) await this.#destinations.remove(found.key, signal);
    }
    await this.#client.remove(keyId, signal);
  }

  async regenerate(keyId: string, signal: AbortSignal): Promise<RegeneratedKey> {
    this.#client.mustBeAccepted('soar-regenerate-call');
    const { secret, changed } = await this.#client.regenerate(await this.#existing(keyId, signal), signal);
    if (changed !== null) return { secret, secretChanged: String(changed) };
    // The secret is in our hands and nowhere else: not even a failed look may lose it.
    const seen = await this.describe(keyId, signal).catch(() => null);
    return { secret, secretChanged: seen?.secretChanged ?? null };
  }

  async #existing(keyId: string, signal: AbortSignal): Promise<ApiKey> {
    const found = await this.#client.get(keyId, signal);
    if (found) return found.key;
    throw this.#missing(keyId);
  }

  #missing(keyId: string): RekeyError {
    return new RekeyError('KR_STORE_REFUSED', `${this.context.name}: there is no key ${keyId}`);
  }

  /**
   * Apps whose executables carry the key's handle: the machine's way to do what IBM tells people to
   * do by hand ("Regenerating an API key", step 1).
   */
  async #appsOf(keyId: string, signal: AbortSignal): Promise<readonly string[]> {
    const handle = this.#client.clientIdOf(await this.#existing(keyId, signal));
    const apps = await this.#client.apps(signal);
    return apps
      .filter((app) => app.current_installation?.executables.some((e) => e.apikey_handle === handle))
      .map((app) => app.name);
  }
}

function describeKey(key: ApiKey, now: number): KeyDescription {
  const expired = typeof key.secret_expiration_date === 'number' && key.secret_expiration_date <= now;
  const changed = key.secret_last_modified_time;
  return {
    id: key.id,
    name: key.display_name,
    // SOAR locks an account when its secret expires ("SOAR password policy and expire settings"),
    // so the reason is told before the lock.
    state: expired ? 'expired' : key.locked ? 'locked' : 'live',
    rights: { permissions: inOrder(key.permissions ?? null) },
    secretChanged: typeof changed === 'number' ? String(changed) : null,
  };
}

const shutOut: Readonly<Record<Exclude<KeyDescription['state'], 'live'>, string>> = {
  locked: 'the account is locked: regenerating its secret unlocks it',
  expired: 'its secret has expired: regenerating it ends that',
  disabled: 'the account is disabled',
};

/** Permissions are a set; in which order they are told means nothing. */
function inOrder(permissions: Json): Json {
  return Array.isArray(permissions) && permissions.every((p) => typeof p === 'string') ? [...permissions].sort() : permissions;
}
