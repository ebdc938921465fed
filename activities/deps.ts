/** Owns what activities are given, and the small things that many of them need. */
import { type ConsumerSpec, leaseKey } from '../workflows/domain/credential.js';
import { RekeyError } from '../workflows/domain/errors.js';
import type { RunRecord, StepRef, VersionRecord } from '../workflows/domain/records.js';
import type { AppHost, Delivery, KnownVersion } from './ports/app-host.js';
import type { StoreConfig } from './ports/connector.js';
import type { KeyStore } from './ports/key-store.js';
import type { Ledger } from './ports/ledger.js';
import type { Secret } from './ports/secret.js';
import type { Vault } from './ports/vault.js';

export interface Deps {
  readonly ledger: Ledger;
  readonly vault: Vault;
  /** By their names in rekey.yaml, opened from the configuration that was applied last. */
  readonly stores: { of(name: string): Promise<KeyStore>; configOf(name: string): Promise<StoreConfig> };
  readonly hosts: { of(name: string): Promise<AppHost> };
  readonly resolve: (reference: string) => Promise<Secret>;
}

/** What every activity of a rotation is told. */
export interface StepInput {
  readonly step: StepRef;
}

/** A deadline of its own for one call, within the attempt's. */
export { within } from './ports/deadline.js';

export function versionOf(versions: readonly VersionRecord[], generation: number | null): VersionRecord {
  const found = versions.find((v) => v.generation === generation);
  if (!found) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know generation ${generation}`);
  return found;
}

export async function secretOf(deps: Deps, version: VersionRecord): Promise<Secret> {
  if (!version.secretRef)
    throw new RekeyError('KR_STATE_UNCLEAR', `the secret of generation ${version.generation} is not in the vault`);
  return deps.vault.open(version.secretRef);
}

/** The versions that a consumer may be found on: all that are not revoked. */
export async function knownVersions(deps: Deps, credential: string): Promise<readonly KnownVersion[]> {
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
  readonly store: KeyStore;
  readonly versions: readonly VersionRecord[];
  /** Throws KR_LEDGER_BEHIND where the ledger does not know it. */
  versionAt(generation: number | null): VersionRecord;
}

export async function contextOf({ ledger, stores }: Deps, step: StepRef): Promise<StepContext> {
  const run = await ledger.run(step.run);
  const store = await stores.of(run.spec.store);
  const versions = await ledger.versions(step.credential);
  return { run, store, versions, versionAt: (generation) => versionOf(versions, generation) };
}

/** What a step at an app host works on. */
export interface ConsumerContext {
  readonly run: RunRecord;
  readonly consumer: ConsumerSpec;
  readonly host: AppHost;
}

export async function consumerContextOf({ ledger, hosts }: Deps, step: StepRef, name: string): Promise<ConsumerContext> {
  const run = await ledger.run(step.run);
  const consumer = targetOf(run, name);
  return { run, consumer, host: await hosts.of(consumer.host) };
}

/** Takes the consumer's lease: by its number the newest delivery wins. */
export async function deliveryOf(deps: Deps, step: StepRef, consumer: ConsumerSpec, generation: number): Promise<Delivery> {
  const versions = await deps.ledger.versions(step.credential);
  const version = versionOf(versions, generation);
  const { keyId } = version;
  const secret = await secretOf(deps, version);
  const otherKeys = [...new Set(versions.map((other) => other.keyId))].filter((other) => other !== keyId);
  const fence = await deps.ledger.lease(step, leaseKey(consumer));
  return { consumer, version: { generation, keyId, secret }, otherKeys, fence };
}

export function targetOf(run: RunRecord, name: string): ConsumerSpec {
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

/**
 * The database's clock, asked once and carried on by our own: never ahead of it, so that what was
 * seen is held to be at least as old as it is.
 */
export async function databaseClock({ ledger }: Deps): Promise<() => number> {
  const then = await ledger.now();
  const asked = performance.now();
  return () => then + (performance.now() - asked);
}

export const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
