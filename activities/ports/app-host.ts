/**
 * Owns the port to systems that run consumers and can hand them a secret. Implementations
 * translate; they never decide.
 */
import type { ConsumerSpec } from '../../workflows/domain/credential.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import type { Secret } from './secret.js';

export interface AppHostCapabilities {
  /**
   * It keeps the number of the last hand-out beside the source and refuses an older one: then a
   * repeated delivery is harmless.
   */
  readonly remembersFence: boolean;
  readonly showsSource: boolean;
  /** It can stop and start programs, so that a key can be changed in place. */
  readonly deploys: boolean;
  readonly readsSecret: boolean;
  /**
   * Milliseconds: deadline of one call, and how long after it a call that we gave up can still
   * land.
   */
  readonly timing: { readonly request: number; readonly settle: number };
  readonly assumptions: readonly string[];
}

/** A version that a consumer may be found on. The secret is absent where it is not in our vault. */
export interface KnownVersion {
  readonly generation: number;
  readonly keyId: string;
  readonly secret: Secret | null;
}

/**
 * Raised with each lease of the consumer; hosts that remember it refuse a lower one of the same
 * ledger.
 */
export interface LeaseFence {
  readonly ledgerId: string;
  readonly number: number;
}

export interface Delivery {
  readonly consumer: ConsumerSpec;
  readonly version: KnownVersion & { readonly secret: Secret };
  /**
   * Ids of the credential's other keys: what the consumer may be on, and is taken from. None where
   * all versions are of one key.
   */
  readonly otherKeys: readonly string[];
  readonly fence: LeaseFence;
}

/**
 * How a hand-out comes to its end where a person carries it out: what that person is told, and what
 * is made of the answer.
 */
export interface Manual extends ManualLooks, ManualEffects {}

export interface ManualLooks {
  /**
   * What to do, a line for each step; nothing secret. `staged`: the version was delivered;
   * otherwise only a word is missing.
   */
  instructions(consumer: ConsumerSpec, generation: number, staged: boolean): readonly string[];
}

export interface ManualEffects {
  /**
   * Takes that person's word that the consumer is on the version, with the fingerprint that it
   * shows, and withdraws the key; from then on `inspect` shows it. A text: why it does not hold,
   * for people. Repeating it is harmless.
   */
  take(delivery: Delivery, fingerprint: string | null, signal: AbortSignal): Promise<string | null>;

  /** Nobody is asked any more: the key that lies ready goes. Repeating it is harmless. */
  withdraw(consumer: ConsumerSpec, signal: AbortSignal): Promise<void>;
}

/**
 * A system that runs consumers. Errors are `RekeyError`: KR_HOST_UNAVAILABLE (nothing happened),
 * KR_HOST_UNCLEAR (it may have), KR_HOST_REFUSED, KR_HOST_FENCED (names the fence that the host
 * holds), KR_SOURCE_CHANGING. Commands and requests that the host makes carry the worker's honest
 * User-Agent.
 */
export interface AppHost extends AppHostLooks, AppHostEffects {
  /**
   * Only where a person carries hand-outs out: `deliver` then lays the version out for that person.
   */
  readonly manual?: Manual;
}

/**
 * What an observation is given of an app host. Of what changes something it sees only whether the
 * host has it.
 */
export type AppHostView = AppHostLooks & { readonly [Name in Exclude<keyof AppHostEffects, 'manual'>]?: unknown };

/** The calls that change nothing. */
export interface AppHostLooks {
  readonly kind: string;
  readonly capabilities: AppHostCapabilities;
  readonly manual?: ManualLooks;

  /** Stable identity of the host: by it a rotation notices that its target was changed. */
  identity(signal: AbortSignal): Promise<string>;

  /**
   * The same of one consumer's own place; only where consumers of one host are on machines of their
   * own.
   */
  identityOf?(consumer: ConsumerSpec, signal: AbortSignal): Promise<string>;

  /**
   * One fresh look. A consumer that cannot be found or is not healthy is an answer, not an error; a
   * host that cannot be reached is KR_HOST_UNAVAILABLE.
   */
  inspect(consumer: ConsumerSpec, known: readonly KnownVersion[], signal: AbortSignal): Promise<Inspection>;

  /**
   * The secret that the source holds now, to adopt it; null where there is none. Only where
   * declared.
   */
  readSecret?(consumer: ConsumerSpec, signal: AbortSignal): Promise<Secret | null>;

  /**
   * The consumers on this host that the store's own names stand for. Only where `consumers: all`
   * can be declared.
   */
  consumersNamed?(names: readonly string[], keyId: string, signal: AbortSignal): Promise<readonly ConsumerSpec[]>;
}

/** The calls that change something; rekey makes them through `once` alone. */
export interface AppHostEffects {
  readonly manual?: ManualEffects;

  /**
   * Writes the secret where the consumer, and every new instance of it, takes it from: atomically,
   * only that value, owner and mode kept. Repeating it is harmless.
   */
  deliver(delivery: Delivery, signal: AbortSignal): Promise<void>;

  /**
   * Makes the running instances take the delivered secret: reload, restart, or nothing where they
   * notice it themselves. Repeating it is harmless.
   */
  apply(consumer: ConsumerSpec, signal: AbortSignal): Promise<void>;

  /**
   * Only where declared. Both are sent once and return when they are accepted; `inspect` shows when
   * they are done.
   */
  undeploy?(consumer: ConsumerSpec, signal: AbortSignal): Promise<void>;
  deploy?(consumer: ConsumerSpec, signal: AbortSignal): Promise<void>;
}
