/**
 * Owns what activities are given, so that one that only looks has nothing in its hands that could
 * change anything outside; and the small things that many of them need.
 */
import { type ConsumerSpec, type JsonObject, leaseKey } from '../workflows/domain/credential.js';
import { RekeyError } from '../workflows/domain/errors.js';
import type { Inspection } from '../workflows/domain/observations.js';
import type { Recorded, RunRecord, StepRef, VersionRecord } from '../workflows/domain/records.js';
import type { AppHostEffects, AppHostView, Delivery, KnownVersion } from './ports/app-host.js';
import { stopwatch, within } from './ports/deadline.js';
import type { Attempt, Journal, OnceOptions } from './ports/journal.js';
import type { KeyStoreEffects, KeyStoreView, StoreAccount } from './ports/key-store.js';
import type { Ledger } from './ports/ledger.js';
import type { ObservationKind, Seen } from './ports/observations.js';
import type { Secret } from './ports/secret.js';
import type { Vault } from './ports/vault.js';
import { type Applied, appliedOf, type Connectors, type Targets, targetsOf } from './targets.js';

/** What the worker composes; no activity is given all of it. */
export interface Deps {
  readonly ledger: Ledger;
  readonly vault: Vault;
  readonly connectors: Connectors;
  readonly resolve: (reference: string) => Promise<Secret>;
}

/** What an observation is given: it looks, and keeps what it saw. */
export interface ObservationDeps extends Pick<Deps, 'vault' | 'resolve'> {
  readonly ledger: Omit<Ledger, keyof Asking | 'once'>;
  readonly targets: Targets;
}

/** What looks outside of any run is given: a run has its own ground. */
export interface ApplyDeps extends Omit<ObservationDeps, 'targets'> {
  readonly applied: Applied;
}

/** What an effect is given: it looks as well, and changes the outside through `once` alone. */
export interface EffectDeps extends ObservationDeps {
  readonly outside: {
    store(run: RunRecord): Promise<Outside<KeyStoreView, KeyStoreEffects, StoreAsked>>;
    host(run: RunRecord, consumer: ConsumerSpec): Promise<Outside<AppHostView, AppHostEffects, null>>;
  };
}

/** What asks a person for an effect is given, and what takes that person's answer. */
export interface AskingDeps extends ObservationDeps {
  readonly ledger: Omit<Ledger, 'once'>;
}

type Asking = Pick<Journal, 'ask' | 'answered' | 'declined'>;

/** Whose the store is, and how long ago this attempt began to ask. */
export interface StoreAsked {
  readonly account: StoreAccount;
  readonly since: () => number;
}

/** A system outside: what is seen of it, and the one way to change it. */
interface Outside<View, Effects, Who> {
  readonly view: View;
  readonly once: Once<Effects, Who>;
}

/**
 * `Journal.once`, whose body alone is handed what changes something, and who was asked for it: in
 * this very attempt, and it is the one that the run was planned for.
 */
export type Once<Effects, Who = null> = <Result extends JsonObject, Before extends JsonObject | null = null>(
  step: StepRef,
  options: OnceOptions<Before>,
  body: (attempt: Attempt<Before>, effects: Effects, who: Who) => Promise<Result>,
) => Promise<Recorded<Result>>;

/** For effects, and for what asks a person; an observation is given less by its type alone. */
export function withOnce({ ledger, vault, resolve, connectors }: Deps): ApplyDeps & AskingDeps & EffectDeps {
  const targets = targetsOf(connectors);
  const outside = <Port, Who>(
    { planHash, identities }: RunRecord,
    port: Port,
    ask: (signal: AbortSignal) => Promise<Who>,
  ): Outside<Port, Port, Who> => ({
    view: port,
    once: <Result extends JsonObject, Before extends JsonObject | null>(
      step: StepRef,
      options: OnceOptions<Before>,
      body: (attempt: Attempt<Before>, effects: Port, who: Who) => Promise<Result>,
    ) => {
      let who: Who;
      // Before the intent is committed, so that what is refused has left none; where the outcome is
      // on record already, nobody is asked.
      const snapshotBefore = async (signal: AbortSignal) => {
        // Before the plan is frozen there is nobody to compare with, and no guard that needs to
        // know.
        if (identities !== null) who = await ask(signal);
        return ((await options.snapshotBefore?.(signal)) ?? null) as Before;
      };
      return ledger.once(step, { ...options, planHash, snapshotBefore }, (attempt) => body(attempt, port, who));
    },
  });
  return {
    ledger,
    vault,
    resolve,
    targets,
    applied: appliedOf(connectors),
    outside: {
      store: async (run) =>
        outside(run, await connectors.store(run.standsOn, run.spec.store), async (signal) => {
          const since = stopwatch();
          return { account: await targets.account(run, signal), since };
        }),
      host: async (run, consumer) =>
        outside(run, await connectors.host(run.standsOn, consumer.host), async (signal) => {
          await targets.host(run, consumer.host, [consumer], signal);
          return null;
        }),
    },
  };
}

/** What every activity of a rotation is told. */
export interface StepInput {
  readonly step: StepRef;
}

/** A deadline of its own for one call, within the attempt's. */
export { stopwatch, within };

export function versionOf(versions: readonly VersionRecord[], generation: number | null): VersionRecord {
  const found = versions.find((v) => v.generation === generation);
  if (!found) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know generation ${generation}`);
  return found;
}

export async function secretOf(deps: Pick<ObservationDeps, 'vault'>, version: VersionRecord): Promise<Secret> {
  if (!version.secretRef)
    throw new RekeyError('KR_STATE_UNCLEAR', `the secret of generation ${version.generation} is not in the vault`);
  return deps.vault.open(version.secretRef);
}

/** The versions that a consumer may be found on: all that are not revoked. */
export async function knownVersions(deps: ObservationDeps, credential: string): Promise<readonly KnownVersion[]> {
  const live = (await deps.ledger.versions(credential)).filter((v) => v.state !== 'revoked');
  return Promise.all(
    live.map(async (v) => ({
      generation: v.generation,
      keyId: v.keyId,
      secret: v.secretRef ? await deps.vault.open(v.secretRef) : null,
    })),
  );
}

/** What a step at a key store works on, as the ledger has it now. */
export interface StepContext {
  readonly run: RunRecord;
  readonly store: KeyStoreView;
  readonly versions: readonly VersionRecord[];
  /** Throws KR_LEDGER_BEHIND where the ledger does not know it. */
  versionAt(generation: number | null): VersionRecord;
}

export async function contextOf({ ledger, targets }: ObservationDeps, step: StepRef, signal: AbortSignal): Promise<StepContext> {
  const run = await ledger.run(step.run);
  const store = await targets.store(run, signal);
  return { run, store, ...(await versionsOf(ledger, step)) };
}

/** The same for an effect. */
export async function effectAtStore(
  { ledger, outside }: EffectDeps,
  step: StepRef,
): Promise<StepContext & { readonly once: Once<KeyStoreEffects, StoreAsked> }> {
  const run = await ledger.run(step.run);
  const { view, once } = await outside.store(run);
  return { run, store: view, once, ...(await versionsOf(ledger, step)) };
}

async function versionsOf(
  ledger: ObservationDeps['ledger'],
  { credential }: StepRef,
): Promise<Pick<StepContext, 'versions' | 'versionAt'>> {
  const versions = await ledger.versions(credential);
  return { versions, versionAt: (generation) => versionOf(versions, generation) };
}

/** What a step at an app host works on. */
export interface ConsumerContext {
  readonly run: RunRecord;
  readonly consumer: ConsumerSpec;
  readonly host: AppHostView;
}

export async function consumerContextOf(
  { ledger, targets }: ObservationDeps,
  step: StepRef,
  name: string,
  signal: AbortSignal,
): Promise<ConsumerContext> {
  const run = await ledger.run(step.run);
  const consumer = targetOf(run, name);
  return { run, consumer, host: await targets.host(run, consumer.host, [consumer], signal) };
}

/** What a look at several consumers of one host works on. */
export async function hostContextOf(
  { ledger, targets }: ObservationDeps,
  step: StepRef,
  name: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly run: RunRecord; readonly consumers: readonly ConsumerSpec[]; readonly host: AppHostView }> {
  const run = await ledger.run(step.run);
  const consumers = names.map((consumer) => targetOf(run, consumer));
  return { run, consumers, host: await targets.host(run, name, consumers, signal) };
}

/** The same for an effect. */
export async function effectAtHost(
  { ledger, outside }: EffectDeps,
  step: StepRef,
  name: string,
): Promise<ConsumerContext & { readonly once: Once<AppHostEffects> }> {
  const run = await ledger.run(step.run);
  const consumer = targetOf(run, name);
  const { view, once } = await outside.host(run, consumer);
  return { run, consumer, host: view, once };
}

/** Takes the consumer's lease: by its number the newest delivery wins. */
export async function deliveryOf(
  deps: ObservationDeps,
  step: StepRef,
  consumer: ConsumerSpec,
  generation: number,
): Promise<Delivery> {
  const versions = await deps.ledger.versions(step.credential);
  const version = versionOf(versions, generation);
  const { keyId } = version;
  if (version.compromised) throw new RekeyError('KR_COMPROMISED', `generation ${generation} of ${step.credential} has leaked`);
  const secret = await secretOf(deps, version);
  const otherKeys = [...new Set(versions.map((other) => other.keyId))].filter((other) => other !== keyId);
  const fence = await deps.ledger.lease(step, leaseKey(consumer));
  return { consumer, version: { generation, keyId, secret }, otherKeys, fence };
}

function targetOf(run: RunRecord, name: string): ConsumerSpec {
  const { consumers } = run.spec;
  // Before the plan is frozen there are those that are declared.
  const targets = run.targets ?? (consumers.kind === 'list' ? consumers.list : []);
  const found = targets.find((t) => t.name === name);
  if (!found) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know ${name} as a consumer of ${run.id}`);
  return found;
}

/** The consumers that must be right, exempt ones left out. */
export function requiredOf(run: RunRecord): readonly ConsumerSpec[] {
  const exempt = new Set(run.exempt.map((e) => e.consumer));
  return (run.targets ?? []).filter((t) => !exempt.has(t.name));
}

/** A look, or several in a row, by one attempt. */
interface Looking {
  readonly attempt: string;
  /**
   * The database's time, asked once and carried on by our own clock: never ahead of it, so that
   * what is seen is held to be at least as old as it is.
   */
  now(): number;
}

/**
 * Begins to look at consumers, or at other subjects; an attempt before this one records no more.
 */
export async function beginLook(
  { ledger }: ObservationDeps,
  step: StepRef,
  subjects: readonly string[],
  kind: ObservationKind = 'inspection',
): Promise<Looking> {
  const { attempt, now } = await ledger.beginLook(step, kind, subjects);
  const asked = performance.now();
  return { attempt, now: () => now + (performance.now() - asked) };
}

/** One look at one consumer, with the time before it. */
export async function lookAt(
  host: AppHostView,
  consumer: ConsumerSpec,
  known: readonly KnownVersion[],
  looking: Looking,
  signal: AbortSignal,
): Promise<Seen<Inspection>> {
  const lookedAt = looking.now();
  return { seen: await host.inspect(consumer, known, signal), lookedAt };
}

export const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
