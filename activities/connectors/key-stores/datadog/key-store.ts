/**
 * Owns Datadog as a key store: keys are readable again at any time, cannot be disabled, and spread
 * within seconds.
 */
import type { Json, JsonObject } from '../../../../workflows/domain/credential.js';
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
  StoreAccount,
} from '../../../ports/key-store.js';
import type { Secret } from '../../../ports/secret.js';
import { type ApiKey, DatadogClient } from './client.js';
import { attributes, config, type DatadogSettings, longestName } from './config.js';

export const connector: KeyStoreConnector = {
  config,
  open: (settings, context) => new DatadogKeyStore(settings as DatadogSettings, context),
};

class DatadogKeyStore implements KeyStore {
  readonly kind = 'datadog';
  readonly capabilities: KeyStoreCapabilities;
  readonly #client: DatadogClient;

  constructor(
    private readonly settings: DatadogSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#client = new DatadogClient(settings, context);
    this.capabilities = {
      secretReadable: 'always',
      idIsSecret: false,
      listsKeys: true,
      regenerate: false,
      disable: false,
      // A person can restore a revoked key in the web interface for seven days; nothing of ours
      // relies on it.
      undoDelete: 'ui',
      minKeys: 1,
      names: { maxLength: longestName, unique: true },
      timing: settings.timing,
      lastUsed: 'lagging',
      // Not documented; to believe that it does costs a look, to believe that it does not could
      // hide a consumer.
      probeMovesLastUsed: true,
      probeRetryOn401: true,
      assumptions: [],
    };
  }

  async check(signal: AbortSignal): Promise<StoreAccount> {
    await this.#client.mustBeAuthorized(signal);
    const owner = await this.#client.managementOwner(signal);
    const { keys, maxAllowed } = await this.#client.list(signal);
    return {
      identity: this.#identity(owner?.organisation ?? null),
      managementKeyId: owner?.keyId ?? (await this.#findManagementKey(keys, signal)),
      keys: keys.length,
      maxKeys: maxAllowed,
    };
  }

  async list(signal: AbortSignal): Promise<readonly KeyDescription[]> {
    return (await this.#client.list(signal)).keys.map(describeKey);
  }

  async findByTag(prefix: string, signal: AbortSignal): Promise<readonly KeyDescription[]> {
    const { keys } = await this.#client.list(signal);
    // Datadog's own `filter` is not used: what it compares is not documented, and a key that it
    // overlooks would be minted twice.
    return keys.filter((key) => carriesTag(key.attributes.name, prefix)).map(describeKey);
  }

  async describe(keyId: string, signal: AbortSignal): Promise<KeyDescription | null> {
    const key = await this.#client.get(keyId, signal);
    return key && describeKey(key);
  }

  async create(request: CreateKey, signal: AbortSignal): Promise<MintedKey> {
    const declared = attributes.parse(request.attributes);
    const rights = request.likeKeyId === null ? {} : await this.#rightsOf(request.likeKeyId, signal);
    return this.#client.create(
      {
        name: `${declared.name} ${request.tag}`,
        ...(declared.category !== undefined && { category: declared.category }),
        ...(declared.remoteConfigReadEnabled !== undefined && { remote_config_read_enabled: declared.remoteConfigReadEnabled }),
        // A rotation changes the secret and nothing else: what the old key may do stands above what
        // the file says by now.
        ...rights,
      },
      signal,
    );
  }

  async readSecret(keyId: string, signal: AbortSignal): Promise<Secret | null> {
    const key = await this.#client.get(keyId, signal);
    if (!key) return null;
    if (key.secret) return key.secret;
    throw new RekeyError(
      'KR_STORE_REFUSED',
      `${this.context.name}: key ${keyId} belongs to an integration of Datadog's, which shows its value to nobody`,
    );
  }

  async probe(key: KeyReference, signal: AbortSignal): Promise<Probe> {
    return { endpoints: await this.#client.validate(key.secret, signal) };
  }

  async lastUsed(keyId: string, signal: AbortSignal): Promise<string | null> {
    const key = await this.#client.get(keyId, signal);
    return key && lastUseOf(key);
  }

  async revoke(keyId: string, signal: AbortSignal): Promise<void> {
    await this.#client.remove(keyId, signal);
  }

  #identity(shown: string | null): string {
    const declared = this.settings.organisation;
    if (shown !== null && declared !== null && shown !== declared) {
      throw new RekeyError(
        'KR_STORE_REFUSED',
        `${this.context.name}: the management key belongs to organisation ${shown}, and rekey.yaml says ${declared}`,
      );
    }
    const identity = shown ?? declared;
    if (identity !== null) return identity;
    throw new RekeyError(
      'KR_STORE_REFUSED',
      `${this.context.name}: Datadog no longer says whose the management key is; set \`organisation\` of the store to its UUID`,
    );
  }

  /**
   * Without v2 validate: of the keys with the same last characters, the one whose value is ours.
   */
  async #findManagementKey(keys: readonly ApiKey[], signal: AbortSignal): Promise<string | null> {
    const ours = await this.context.resolve(this.settings.management.apiKey);
    for (const { id, attributes } of keys) {
      if (!attributes.last4 || !ours.endsWith(attributes.last4)) continue;
      const value = (await this.#client.get(id, signal))?.secret;
      if (value && ours.equals(value)) return id;
    }
    return null;
  }

  /** The rights that a create can set; others are compared after it, by `describe`. */
  async #rightsOf(keyId: string, signal: AbortSignal): Promise<JsonObject> {
    const like = await this.#client.get(keyId, signal);
    if (!like)
      throw new RekeyError(
        'KR_STORE_REFUSED',
        `${this.context.name}: key ${keyId}, whose rights the new one takes over, does not exist`,
      );
    const settable = ['category', 'remote_config_read_enabled'];
    return Object.fromEntries(
      Object.entries(like.attributes).filter(([name, value]) => settable.includes(name) && value !== null),
    );
  }
}

function describeKey({ id, attributes: { name, ...rest } }: ApiKey): KeyDescription {
  // Whatever Datadog adds counts as a right until we know better: a difference that nobody looked
  // at must not pass.
  const rights = Object.fromEntries(Object.entries(rest).filter(([field]) => !notRights.test(field)));
  return { id, name, state: 'live', rights, secretChanged: null };
}

const notRights = /^(last4|.*_at|.*_by|.*last_used.*|used_in_.*)$/;

/**
 * Datadog's own text of last use. Where it shows only a flag, a raised one must never look like
 * silence: two equal readings would say "quiet" of a key in use, so each such reading is made to
 * differ.
 */
function lastUseOf({ attributes }: ApiKey): string | null {
  const date = text(attributes.date_last_used) ?? text(member(attributes.last_used_date, 'timestamp'));
  if (date !== null) return date;
  const recently = attributes.used_in_last_24_hours;
  if (recently === true) return `within the 24 hours before ${new Date().toISOString()}`;
  return recently === false ? 'not in the last 24 hours' : null;
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function member(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject)[name] : undefined;
}
