/**
 * Owns the look before the first change: at the store and at the consumers. Observes only; what it
 * finds is decided in the domain.
 */
import type { ConsumerSpec } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { consumerFindings, type Finding, storeFindings } from '../../workflows/domain/preflight.js';
import { isConverged } from '../../workflows/domain/revoke.js';
import { canBringBack } from '../../workflows/domain/way-back.js';
import { contextOf, knownVersions, type ObservationDeps, requiredOf, type StepInput, secretOf, within } from '../deps.js';
import type { AppHostView } from '../ports/app-host.js';
import { acceptedEverywhere, type KeyStoreView, type StoreAccount } from '../ports/key-store.js';

export interface StorePreflight {
  readonly findings: readonly Finding[];
  /** Of the account; null where the management credential is refused. */
  readonly identity: string | null;
  /** Apps that use the key, where the store knows them. */
  readonly usedBy: readonly string[] | null;
  /** Whether the store can make this key unusable in a way that we can undo. */
  readonly disables: boolean;
  /** Whether consumers could be given the old version back. */
  readonly holdsOldSecret: boolean;
}

export async function preflightStore(deps: ObservationDeps, { step }: StepInput, signal: AbortSignal): Promise<StorePreflight> {
  await deps.ledger.enter(step);
  await deps.vault.roundTrip();
  const { run, store, versions } = await contextOf(deps, step);
  const account = await checkedAccount(store, signal);
  const previous = versions.find((v) => v.generation === run.previousGeneration) ?? null;
  const holdsOldSecret = previous !== null && previous.secretRef !== null;

  let key = null;
  let usedBy: readonly string[] | null = null;
  if (account && previous) {
    const inStore = !store.capabilities.listsKeys || (await store.describe(previous.keyId, signal)) !== null;
    // In place the old secret is never needed, and a login with it could count towards a lock.
    const probed =
      run.strategy === 'overlap' && inStore && previous.secretRef
        ? await store.probe({ keyId: previous.keyId, secret: await secretOf(deps, previous) }, signal)
        : null;
    key = {
      generation: previous.generation,
      keyId: previous.keyId,
      inStore,
      inVault: previous.secretRef !== null,
      accepted: probed !== null && acceptedEverywhere(probed),
    };
    if (store.consumersOf && inStore) usedBy = await store.consumersOf(previous.keyId, signal);
  }
  const declared = run.spec.consumers.kind === 'list' ? run.spec.consumers.list.map((c) => c.name) : [];
  const findings = storeFindings(
    {
      managementWorks: account !== null,
      isManagementKey: account !== null && previous !== null && account.managementKeyId === previous.keyId,
      sameAccount: account === null || previous === null || account.identity === previous.account,
      keys: account?.keys ?? 0,
      maxKeys: account?.maxKeys ?? null,
      previous: key,
      hasLastUsed: store.capabilities.lastUsed !== 'none',
      usedBy,
    },
    run.spec,
    declared,
  );
  return {
    findings,
    identity: account?.identity ?? null,
    usedBy,
    disables:
      (store.capabilities.disable || run.stores.store.manual?.includes('disable') === true) &&
      canBringBack(store.capabilities, holdsOldSecret),
    holdsOldSecret,
  };
}

/** Null when the management credential is refused; a store that is away is waited for. */
export async function checkedAccount(store: KeyStoreView, signal: AbortSignal): Promise<StoreAccount | null> {
  try {
    return await store.check(signal);
  } catch (error) {
    if (error instanceof RekeyError && error.code === 'KR_STORE_UNAUTHORIZED') return null;
    throw error;
  }
}

export interface HostPreflightInput extends StepInput {
  readonly host: string;
  /** Names from the store, where all of its apps are meant. */
  readonly usedBy: readonly string[] | null;
}

export interface HostPreflight {
  readonly findings: readonly Finding[];
  /** The host's own; null where it cannot be reached. */
  readonly identity: string | null;
  readonly consumers: readonly ConsumerSpec[];
  /** Those that ran before; they are brought back to that, no other is started. */
  readonly running: readonly string[];
  /**
   * Those of which nobody has said that they are on the current version, where a person is who says
   * it; none of the findings.
   */
  readonly unattested?: readonly string[];
}

export async function preflightHost(
  deps: ObservationDeps,
  { step, host: name, usedBy }: HostPreflightInput,
  signal: AbortSignal,
): Promise<HostPreflight> {
  await deps.ledger.enter(step);
  const run = await deps.ledger.run(step.run);
  const host = await deps.hosts.of(name);
  const previous = (await deps.ledger.versions(step.credential)).find((v) => v.generation === run.previousGeneration);
  const { consumers: declared } = run.spec;
  const consumers =
    declared.kind === 'all'
      ? await host.consumersNamed!(usedBy ?? [], previous?.keyId ?? '', signal)
      : declared.kind === 'list'
        ? declared.list.filter((c) => c.host === name)
        : [];

  const known = await knownVersions(deps, step.credential);
  const identity = await identityOf(host, signal);
  const required = new Set(requiredOf({ ...run, targets: consumers }).map((c) => c.name));
  const findings: Finding[] = [];
  const running: string[] = [];
  const unattested: string[] = [];
  await Promise.all(
    consumers.map(async (consumer) => {
      try {
        const inspection = await host.inspect(consumer, known, within(signal, host.capabilities.timing.request * 2));
        if (inspection.state !== 'stopped') running.push(consumer.name);
        if (!required.has(consumer.name) || !previous) return;
        const { evidence } = run.spec.policy;
        if (host.manual && previous.secretRef && inspection.healthy && !isConverged(inspection, previous.generation, evidence))
          unattested.push(consumer.name);
        else findings.push(...consumerFindings(inspection, run.spec, previous.generation));
      } catch (error) {
        if (!required.has(consumer.name)) return;
        findings.push({
          reason: 'unreachable',
          message: `${consumer.name} cannot be reached: ${error instanceof RekeyError ? error.detail : 'no answer in time'}`,
        });
      }
    }),
  );
  return {
    findings,
    identity,
    consumers,
    running: running.sort(),
    ...(unattested.length > 0 ? { unattested: unattested.sort() } : {}),
  };
}

/** A host that does not answer is one of which each consumer tells by itself. */
async function identityOf(host: AppHostView, signal: AbortSignal): Promise<string | null> {
  try {
    return await host.identity(within(signal, host.capabilities.timing.request));
  } catch (error) {
    if (error instanceof RekeyError) return null;
    throw error;
  }
}
