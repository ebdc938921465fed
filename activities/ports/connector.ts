/** Owns how a connector introduces itself: its kind, the schema of its part of rekey.yaml, and the factory. The registry in `worker/` lists them. */
import type { z } from 'zod';
import type { AppHost } from './app-host.js';
import type { KeyStore } from './key-store.js';
import type { Secret } from './secret.js';

/** `env:NAME`, `file:/path`, `exec:command`: resolved afresh at each use, on the worker, and never stored. */
export type Reference = string;
export type ResolveReference = (reference: Reference) => Promise<Secret>;

export interface ConnectorContext {
  /** The name under `stores:` or `hosts:`. */
  readonly name: string;
  readonly resolve: ResolveReference;
  /** `rekey/<version> (<host>; <pid>)`. */
  readonly userAgent: string;
}

/** What `configuration` and the command line need to know; it imports nothing that talks to the outside. */
export interface StoreConfig<Settings = unknown> {
  readonly kind: string;
  /** Parses one entry of `stores:`, without `kind`. */
  readonly settings: z.ZodType<Settings>;
  /** Parses `attributes:` of a credential of this store. */
  readonly attributes: z.ZodType<unknown>;
  readonly strategies: readonly ('overlap' | 'in-place')[];
  /** Names that `accept:` of the store may hold, each with what is taken on by it. */
  readonly assumptions: Readonly<Record<string, string>>;
}

export interface HostConfig<Settings = unknown> {
  readonly kind: string;
  /** Parses one entry of `hosts:`, without `kind`. */
  readonly settings: z.ZodType<Settings>;
  /** Parses one consumer on this host, without `name` and `host`. */
  readonly consumer: z.ZodType<unknown>;
  /** Whether `consumers: { host, all: true }` can be said. */
  readonly findsConsumers: boolean;
  /** The kind of the store that `settings.store` must name, where the host is driven through a store. */
  readonly storeKind?: string;
}

export interface KeyStoreConnector {
  readonly config: StoreConfig;
  open(settings: unknown, context: ConnectorContext): KeyStore;
}

export interface AppHostConnector {
  readonly config: HostConfig;
  /** `store` is the settings of the store that the host names, where it names one. */
  open(
    settings: unknown,
    context: ConnectorContext,
    store: { readonly settings: unknown; readonly context: ConnectorContext } | null,
  ): AppHost;
}
