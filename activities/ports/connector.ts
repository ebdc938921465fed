/**
 * Owns how a connector introduces itself: its kind, the schema of its part of rekey.yaml, and the
 * factory. The registry in `worker/` lists ours; a third party's is named by `module:`.
 */
import type { z } from 'zod';
import type { JsonObject } from '../../workflows/domain/credential.js';
import type { ManualEffect } from '../../workflows/domain/manual.js';
import type { AppHost } from './app-host.js';
import type { KeyStore } from './key-store.js';
import type { Secret } from './secret.js';

/**
 * `env:NAME`, `file:/path`, `exec:command`: resolved afresh at each use, on the worker, and never
 * stored.
 */
export type Reference = string;
export type ResolveReference = (reference: Reference) => Promise<Secret>;

export interface ConnectorContext {
  /** The name under `stores:` or `hosts:`. */
  readonly name: string;
  readonly resolve: ResolveReference;
  /** `rekey/<version> (<host>; <pid>)`. */
  readonly userAgent: string;
}

/** What instructions may name; never a secret. */
export interface ManualFacts {
  readonly store: string;
  /** The name that a new key must get; for others the name that it has, where it is known. */
  readonly keyName: string;
  /** Null for a new key, and where the id is the secret. */
  readonly keyId: string | null;
  readonly attributes: JsonObject;
}

/**
 * What `configuration` and the command line need to know; it imports nothing that talks to the
 * outside.
 */
export interface StoreConfig<Settings = unknown> {
  readonly kind: string;
  /** Parses one entry of `stores:`, without `kind`. */
  readonly settings: z.ZodType<Settings>;
  /** Parses `attributes:` of a credential of this store. */
  readonly attributes: z.ZodType<unknown>;
  readonly strategies: readonly ('overlap' | 'in-place')[];
  /**
   * The id of a key is its secret: then `current:` names the secret alone, and no id stands
   * anywhere.
   */
  readonly idIsSecret?: true;
  /** Names that `accept:` of the store may hold, each with what is taken on by it. */
  readonly assumptions: Readonly<Record<string, string>>;
  /**
   * Effects that a person carries out although `manual:` does not name them, since these settings
   * have no API for them.
   */
  manualBy?(settings: Settings): readonly ManualEffect[];
  /**
   * The vendor's own click path for what a person does where `manual:` of the store names it, a
   * line for each step.
   */
  readonly instructions?: Readonly<Partial<Record<ManualEffect, (facts: ManualFacts) => readonly string[]>>>;
  /**
   * What a change of rights opens: more rights, more callers, a longer life. A sentence for each;
   * none when it only narrows.
   */
  readonly widens?: (before: JsonObject, after: JsonObject) => readonly string[];
  /** How a key is changed without a new secret; absent where it cannot be. */
  readonly changes?: {
    /**
     * The rights with what attributes say; what they do not name stays. `now` in milliseconds.
     * Throws KR_USAGE for what cannot be changed.
     */
    readonly rightsWith: (rights: JsonObject, attributes: JsonObject, now: number) => JsonObject;
    /**
     * Attributes that speak of keys that are still to be made: one that exists is not held to them.
     */
    readonly ofNewKeys: readonly string[];
  };
  /** What else stops working with a key, in words; absent where nothing is made from one. */
  readonly derives?: string;
  /** The rights that the vendor gives where nothing is said, for `--reset-unspecified`. */
  readonly defaultRights?: JsonObject;
}

export interface HostConfig<Settings = unknown> {
  readonly kind: string;
  /** Parses one entry of `hosts:`, without `kind`. */
  readonly settings: z.ZodType<Settings>;
  /** Parses one consumer on this host, without `name` and `host`. */
  readonly consumer: z.ZodType<unknown>;
  /** Whether `consumers: { host, all: true }` can be said. */
  readonly findsConsumers: boolean;
  /**
   * The kind of the store that `settings.store` must name, where the host is driven through a
   * store.
   */
  readonly storeKind?: string;
}

/**
 * The version of these ports. It rises when a connector that was written for the one before would
 * no longer be right; what is merely added to them does not raise it.
 */
export const portVersion = 1;

export interface KeyStoreConnector {
  /**
   * `portVersion` as it was when the connector was written. Required of a module; our own
   * connectors are compiled with the ports.
   */
  readonly portVersion?: number;
  readonly config: StoreConfig;
  open(settings: unknown, context: ConnectorContext): KeyStore;
}

export interface AppHostConnector {
  readonly portVersion?: number;
  readonly config: HostConfig;
  /** `store` is the settings of the store that the host names, where it names one. */
  open(
    settings: unknown,
    context: ConnectorContext,
    store: { readonly settings: unknown; readonly context: ConnectorContext } | null,
  ): AppHost;
}
