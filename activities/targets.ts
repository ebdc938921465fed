/**
 * Owns what the steps of a run work on: its store and hosts, opened as they were declared when the
 * run was opened, and asked who they are before anything is believed of them or sent to them.
 */
import type { StandsOn } from '../workflows/domain/configuration.js';
import { type ConsumerSpec, leaseKey } from '../workflows/domain/credential.js';
import { RekeyError } from '../workflows/domain/errors.js';
import type { Identities, RunRecord } from '../workflows/domain/records.js';
import type { AppHost, AppHostView } from './ports/app-host.js';
import type { StoreConfig } from './ports/connector.js';
import { within } from './ports/deadline.js';
import type { KeyStore, KeyStoreView, StoreAccount } from './ports/key-store.js';

/** Opens connectors, each once for one declaration. */
export interface Connectors {
  store(declared: StandsOn, name: string): Promise<KeyStore>;
  storeConfig(declared: StandsOn, name: string): Promise<StoreConfig>;
  host(declared: StandsOn, name: string): Promise<AppHost>;
  /** What was applied last: for what is done outside of any run. */
  applied(): Promise<StandsOn>;
}

/** What a step of a run is given to look at; it throws KR_TARGET_CHANGED. */
export interface Targets {
  store(run: RunRecord, signal: AbortSignal): Promise<KeyStoreView>;
  storeConfig(run: RunRecord): Promise<StoreConfig>;
  /** Whose the store is, asked now. */
  account(run: RunRecord, signal: AbortSignal): Promise<StoreAccount>;
  /** The host of these consumers, which is named by all of them. */
  host(run: RunRecord, name: string, consumers: readonly ConsumerSpec[], signal: AbortSignal): Promise<AppHostView>;
  /** Whether a late hand-out to it is void; nothing is asked for that. */
  remembersFence(run: RunRecord, host: string): Promise<boolean>;
}

/** What is applied now, and no run stands on: to adopt a key, and to compare. */
export interface Applied {
  store(name: string): Promise<KeyStoreView>;
  storeConfig(name: string): Promise<StoreConfig>;
  host(name: string): Promise<AppHostView>;
}

/**
 * Milliseconds for which a look at a store believes who it is. A look alone allows nothing: what is
 * sent is sent behind a question of its own, and takes the looks that allow it behind that. Looks
 * at hosts are what allows steps elsewhere, so a host is asked each time; most answer for nothing.
 */
const believedFor = 5 * 60_000;

export function targetsOf(connectors: Connectors): Targets {
  const asked = new WeakMap<KeyStore, { readonly identity: string; readonly at: number }>();
  const storeOf = (run: RunRecord) => connectors.store(run.standsOn, run.spec.store);
  const account = async (run: RunRecord, signal: AbortSignal): Promise<StoreAccount> => {
    const store = await storeOf(run);
    const at = performance.now();
    const found = await store.check(signal);
    asked.set(store, { identity: found.identity, at });
    requireSameStore(run, found.identity);
    return found;
  };
  return {
    account,
    store: async (run, signal) => {
      const store = await storeOf(run);
      if (run.identities === null) return store;
      const known = asked.get(store);
      // What was said before the run was planned refuses nothing: it is asked anew.
      const isKnown = known?.identity === run.identities.store && performance.now() - known.at < believedFor;
      if (!isKnown) await account(run, signal);
      return store;
    },
    storeConfig: (run) => connectors.storeConfig(run.standsOn, run.spec.store),
    host: async (run, name, consumers, signal) => {
      const host = await connectors.host(run.standsOn, name);
      if (run.identities !== null) await requireSameHost(run.identities, host, name, consumers, signal);
      return host;
    },
    remembersFence: async (run, host) => (await connectors.host(run.standsOn, host)).capabilities.remembersFence,
  };
}

export function appliedOf(connectors: Connectors): Applied {
  return {
    store: async (name) => connectors.store(await connectors.applied(), name),
    storeConfig: async (name) => connectors.storeConfig(await connectors.applied(), name),
    host: async (name) => connectors.host(await connectors.applied(), name),
  };
}

async function requireSameHost(
  { hosts }: Identities,
  host: AppHostView,
  name: string,
  consumers: readonly ConsumerSpec[],
  signal: AbortSignal,
): Promise<void> {
  const bounded = within(signal, host.capabilities.timing.request);
  requireSame(hosts[name], await host.identity(bounded), `host ${name}`);
  await Promise.all(
    consumers.map(async (consumer) => {
      const machine = await host.identityOf?.(consumer, bounded);
      if (machine !== undefined) requireSame(hosts[leaseKey(consumer)], machine, `the machine of ${consumer.name}`);
    }),
  );
}

function requireSameStore({ identities, spec }: RunRecord, now: string): void {
  if (identities !== null) requireSame(identities.store ?? undefined, now, `store ${spec.store}`);
}

/** One that nobody has seen when the run was planned is as good as another. */
function requireSame(planned: string | undefined, now: string, what: string): void {
  if (now === planned) return;
  const before = planned === undefined ? 'was not seen when the run was planned' : `was ${planned} when the run was planned`;
  throw new RekeyError('KR_TARGET_CHANGED', `${what} ${before} and says now that it is ${now}`);
}
