/**
 * Owns the port to systems that issue keys. Implementations translate; they never decide, never
 * retry an effect, never log a body.
 */
import type { KeyImage } from '../../workflows/domain/attributes.js';
import type { JsonObject } from '../../workflows/domain/credential.js';
import type { Secret } from './secret.js';

export interface KeyStoreCapabilities {
  /** Whether the store shows a key's secret again after it was made. */
  readonly secretReadable: 'never' | 'always';
  /**
   * The id is the secret: only an internal handle (SHA-256 of "rekey:id:v1:" + value) leaves the
   * connector.
   */
  readonly idIsSecret: boolean;
  /**
   * Keys can be listed and described. False where only a person can look: then `list` and
   * `findByTag` answer nothing, `describe` null, and neither says anything.
   */
  readonly listsKeys: boolean;
  readonly regenerate: boolean;
  /**
   * Where the store has no switch but gives a deleted key back (`undoDelete` is `api`), disabling
   * may delete, and `describe` then shows null.
   */
  readonly disable: boolean;
  readonly undoDelete: 'none' | 'api' | 'ui';
  /** The fewest keys that the store must keep; the most is learned by `check`. */
  readonly minKeys: number;
  readonly names: { readonly maxLength: number; readonly unique: boolean };
  readonly timing: StoreTiming;
  /** `lagging`: it moves some time after use. `weak`: a hit means something, silence does not. */
  readonly lastUsed: 'none' | 'lagging' | 'exact' | 'weak';
  readonly probeMovesLastUsed: boolean;
  /**
   * False where a refused login counts towards a lock: then a probe is made once, and never again
   * on 401.
   */
  readonly probeRetryOn401: boolean;
  /**
   * Calls of this connector that the vendor does not publish; each must be accepted by name in
   * rekey.yaml before it is made.
   */
  readonly assumptions: readonly string[];
}

/** All in milliseconds. */
export interface StoreTiming {
  /** Deadline of one request. */
  readonly request: number;
  /** How long after its deadline a request that we gave up can still land. */
  readonly settle: number;
  /** Longest time until a new or removed key is known at every endpoint. */
  readonly propagation: number;
  readonly lastUsedLag: number;
}

export interface StoreAccount {
  /**
   * Stable identity of the account, by which keys are unique: never a secret, never an address that
   * may change.
   */
  readonly identity: string;
  /** The id of the key that we manage the store with, where it is one of the store's own. */
  readonly managementKeyId: string | null;
  readonly keys: number;
  readonly maxKeys: number | null;
}

export interface KeyDescription {
  readonly id: string;
  readonly name: string;
  readonly state: 'live' | 'disabled' | 'locked' | 'expired';
  /**
   * Rights and limits, in the store's own words, without name, dates and secret: what must be equal
   * between the old and the new version.
   */
  readonly rights: JsonObject;
  /** The store's own mark of the last change of the secret; compared only for being the same. */
  readonly secretChanged: string | null;
}

export interface MintedKey {
  readonly id: string;
  readonly name: string;
  readonly secret: Secret;
}

export interface CreateKey {
  /** At most 30 characters, unique per attempt; it must stand where `findByTag` sees it. */
  readonly tag: string;
  /** As declared in rekey.yaml, checked by the connector's schema. */
  readonly attributes: JsonObject;
  /** The key whose rights the new one takes over; null for a first key. */
  readonly likeKeyId: string | null;
}

export interface KeyReference {
  readonly keyId: string;
  readonly secret: Secret;
}

export interface DisabledKey extends Omit<KeyReference, 'secret'> {
  /** Null where it is not in the vault; never of a store whose `idIsSecret` is true. */
  readonly secret: Secret | null;
  /** `KeyDescription.rights` as they were before it was disabled. */
  readonly rights: JsonObject;
}

/** As `describe` shows it. */
export type { KeyImage } from '../../workflows/domain/attributes.js';

export interface Probe {
  /** One entry for each endpoint at which the key must be accepted. */
  readonly endpoints: readonly { readonly endpoint: string; readonly accepted: boolean }[];
}

export interface RegeneratedKey {
  readonly secret: Secret;
  /** `KeyDescription.secretChanged` of this very change. */
  readonly secretChanged: string | null;
}

/**
 * A system that issues keys. Every call takes an abort signal that carries its deadline. Errors are
 * `RekeyError`: KR_STORE_UNAVAILABLE (nothing happened), KR_STORE_UNCLEAR (it may have),
 * KR_STORE_RATE_LIMITED, KR_STORE_REFUSED, KR_STORE_UNAUTHORIZED. An observation never throws
 * KR_STORE_UNCLEAR.
 */
export interface KeyStore extends KeyStoreLooks, KeyStoreEffects {}

/**
 * What an observation is given of a key store. Of what changes something it sees only whether the
 * store has it.
 */
export type KeyStoreView = KeyStoreLooks & { readonly [Name in keyof KeyStoreEffects]?: unknown };

/** The calls that change nothing. */
export interface KeyStoreLooks {
  readonly kind: string;
  readonly capabilities: KeyStoreCapabilities;

  /** Whether the management credential works, whose account it is, and how full the account is. */
  check(signal: AbortSignal): Promise<StoreAccount>;

  /** All keys that can be seen, those of others included; revoked ones are left out. */
  list(signal: AbortSignal): Promise<readonly KeyDescription[]>;

  /**
   * Keys whose name carries a tag that begins with `prefix`: a whole tag finds one attempt's key.
   */
  findByTag(prefix: string, signal: AbortSignal): Promise<readonly KeyDescription[]>;

  /** Null when there is no such key (any more). */
  describe(keyId: string, signal: AbortSignal): Promise<KeyDescription | null>;

  /** Only where `secretReadable` is `always`; null when there is no such key. */
  readSecret?(keyId: string, signal: AbortSignal): Promise<Secret | null>;

  /** Asks each endpoint once whether it accepts the key. A refusal is an answer, not an error. */
  probe(key: KeyReference, signal: AbortSignal): Promise<Probe>;

  /**
   * The store's own value of last use, as text; null where it says nothing. Only where `lastUsed`
   * is not `none`.
   */
  lastUsed?(keyId: string, signal: AbortSignal): Promise<string | null>;

  /**
   * Milliseconds for which what was derived from a key with these attributes lives on: the drain
   * lasts at least as long.
   */
  leastGrace?(attributes: JsonObject): number;

  /** The apps that use the key, by the name that their host knows. Only where the store knows. */
  consumersOf?(keyId: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** The calls that change something; rekey makes them through `once` alone. */
export interface KeyStoreEffects {
  /**
   * Makes a key that carries `tag`. Sent once: only the caller knows whether a lost reply may be
   * repeated.
   */
  create(request: CreateKey, signal: AbortSignal): Promise<MintedKey>;

  /** Ends a key for good. A key that is already gone is success. */
  revoke(keyId: string, signal: AbortSignal): Promise<void>;

  /** Makes a key unusable, reversibly; repeating is harmless. Only where declared. */
  disable?(keyId: string, signal: AbortSignal): Promise<void>;
  /**
   * Makes a disabled key usable again, with the rights that it had; one that is usable already is
   * success.
   */
  enable?(key: DisabledKey, signal: AbortSignal): Promise<void>;

  /**
   * Puts a key wherever the store lists `likeKeyId` by name: rights that are kept with what is
   * used, and not with the key; a key that is gone is listed nowhere. Repeating is harmless.
   * Whether anything was missing. Only where the store keeps such lists.
   */
  copyMemberships?(keyId: string, likeKeyId: string, signal: AbortSignal): Promise<boolean>;

  /**
   * Replaces name, rights and state of a key at once, whatever the store does with what is left
   * out; the secret stays. Repeating is harmless. Only where the store can.
   */
  update?(keyId: string, image: KeyImage, signal: AbortSignal): Promise<void>;

  /** Replaces the secret of a key; the old one dies at once. Sent once. Only where declared. */
  regenerate?(keyId: string, signal: AbortSignal): Promise<RegeneratedKey>;
}

/** Whether every endpoint accepted the key. */
export function acceptedEverywhere(probe: Probe): boolean {
  return probe.endpoints.length > 0 && probe.endpoints.every((d) => d.accepted);
}

/** Whether every endpoint refused the key. */
export function refusedEverywhere(probe: Probe): boolean {
  return probe.endpoints.every((d) => !d.accepted);
}
