/**
 * Owns the look before the first change: at the store and at the consumers. Observes only; what it
 * finds is decided in the domain.
 */

import { replacesFirst } from '../../workflows/domain/contain.js';
import { type ConsumerSpec, leaseKey } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import { consumerFindings, type Finding, type StoreFacts, storeFindings, unreachable } from '../../workflows/domain/preflight.js';
import { canGiveBack, type Identities, type RunRecord, type VersionRecord } from '../../workflows/domain/records.js';
import { isConverged } from '../../workflows/domain/revoke.js';
import { isTransient, whyOf } from '../../workflows/domain/transient.js';
import { canBringBack } from '../../workflows/domain/way-back.js';
import { knownVersions, type ObservationDeps, requiredOf, type StepInput, sleep, within } from '../deps.js';
import type { KeyStoreView, StoreAccount } from '../ports/key-store.js';
import { isAliveNow } from './guard.js';
import { askAgain } from './patience.js';

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
  /** To contain a leak, whether a replacement is made before the leaked key dies. */
  readonly replacesFirst: boolean;
}

export async function preflightStore(deps: ObservationDeps, { step }: StepInput, signal: AbortSignal): Promise<StorePreflight> {
  await deps.ledger.enter(step);
  await deps.vault.roundTrip();
  const run = await deps.ledger.run(step.run);
  const store = await deps.targets.store(asIfUnplanned(run), signal);
  const versions = await deps.ledger.versions(step.credential);
  const previous = versions.find((v) => v.generation === run.previousGeneration) ?? null;
  const holdsOldSecret = previous !== null && canGiveBack(previous);
  const disables =
    (store.capabilities.disable || run.standsOn.stores[run.spec.store]!.manual?.includes('disable') === true) &&
    canBringBack(store.capabilities, holdsOldSecret) &&
    !previous?.compromised;
  const { store: name } = run.spec;
  const seen = await lookAtStore(deps, { run, store, previous }, signal).catch(async (error: unknown) => {
    await askAgain(deps, { step, run, who: name, error, patience: patienceOf(run), signal });
    return whyOf(error);
  });
  if (typeof seen === 'string')
    return { findings: [unreachable(name, seen)], identity: null, usedBy: null, disables, holdsOldSecret, replacesFirst: true };
  const { account, key, usedBy } = seen;
  const declared = run.spec.consumers.kind === 'list' ? run.spec.consumers.list.map((c) => c.name) : [];
  const findings = storeFindings(
    {
      managementWorks: account !== null,
      isManagementKey: account !== null && previous !== null && account.managementKeyId === previous.keyId,
      sameAccount: account === null || previous === null || account.identity === previous.account,
      keys: account?.keys ?? 0,
      maxKeys: account?.maxKeys ?? null,
      previous: key,
      // One that is `weak` shows who uses a key now: its silence is nothing to go by.
      hasLastUsed: ['lagging', 'exact'].includes(store.capabilities.lastUsed),
      usedBy,
      revokedByHand: run.standsOn.stores[name]?.manual?.includes('revoke') ?? false,
    },
    run.spec,
    declared,
    run.urgency,
  );
  const first = account === null || replacesFirst(store.capabilities, account);
  return { findings, identity: account?.identity ?? null, usedBy, disables, holdsOldSecret, replacesFirst: first };
}

/** It asks for itself who they are, with patience; what follows compares that with the plan. */
const asIfUnplanned = (run: RunRecord): RunRecord => ({ ...run, identities: null });

/**
 * What was begun by an earlier run of this rotation is not held up: no finding refuses it any more.
 * In an incident whoever is away holds nobody up, and is waited for alone.
 */
function patienceOf({ targets, spec, urgency }: RunRecord): number {
  return targets === null || urgency !== null ? spec.policy.confirm : 0;
}

interface StoreSeen {
  readonly account: StoreAccount | null;
  readonly key: StoreFacts['previous'];
  readonly usedBy: readonly string[] | null;
}

async function lookAtStore(
  deps: ObservationDeps,
  { run, store, previous }: { readonly run: RunRecord; readonly store: KeyStoreView; readonly previous: VersionRecord | null },
  signal: AbortSignal,
): Promise<StoreSeen> {
  const account = await checkedAccount(store, signal);
  if (!account || !previous) return { account, key: null, usedBy: null };
  const inStore = !store.capabilities.listsKeys || (await store.describe(previous.keyId, signal)) !== null;
  // In place the old secret is never needed, and a login with it could count towards a lock.
  const probed = run.strategy === 'overlap' && inStore && previous.secretRef !== null;
  const key = {
    generation: previous.generation,
    keyId: previous.keyId,
    inStore,
    inVault: previous.secretRef !== null,
    accepted: probed && (await isAliveNow(deps, store, previous, signal)),
  };
  return { account, key, usedBy: store.consumersOf && inStore ? await store.consumersOf(previous.keyId, signal) : null };
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
  /** Of the consumers that are declared, these alone. */
  readonly only?: readonly string[];
}

export interface HostPreflight {
  readonly findings: readonly Finding[];
  /** Of the host and, where they have their own, of its consumers' machines. */
  readonly identities: Identities['hosts'];
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
  { step, host: name, usedBy, only }: HostPreflightInput,
  signal: AbortSignal,
): Promise<HostPreflight> {
  await deps.ledger.enter(step);
  const run = await deps.ledger.run(step.run);
  const host = await deps.targets.host(asIfUnplanned(run), name, [], signal);
  const previous = (await deps.ledger.versions(step.credential)).find((v) => v.generation === run.previousGeneration);
  const { consumers: declared } = run.spec;
  const known = await knownVersions(deps, step.credential);
  const again = (error: unknown) => askAgain(deps, { step, run, who: name, error, patience: patienceOf(run), signal });

  const named = await answered(async () =>
    declared.kind === 'all'
      ? host.consumersNamed!(usedBy ?? [], previous?.keyId ?? '', signal)
      : declared.kind === 'list'
        ? declared.list.filter((c) => c.host === name && (only?.includes(c.name) ?? true))
        : [],
  );
  if ('error' in named) {
    await again(named.error);
    const findings = [unreachable(name, whyOf(named.error))];
    return { findings, identities: {}, consumers: [], running: [] };
  }
  const consumers = named.answer;
  const required = new Set(requiredOf({ ...run, targets: consumers }).map((c) => c.name));
  const { request } = host.capabilities.timing;
  const [who, ...looks] = await Promise.all([
    answered(() => host.identity(within(signal, request))),
    ...consumers.map(async (consumer) => ({
      consumer,
      ...(await answered(async () => ({
        inspection: await lookWell(() => host.inspect(consumer, known, within(signal, request * 2))),
        machine: await host.identityOf?.(consumer, within(signal, request)),
      }))),
    })),
  ]);
  // Whoever was left out on purpose need not answer.
  const asked = [...(required.size > 0 ? [who] : []), ...looks.filter(({ consumer }) => required.has(consumer.name))];
  const silent = asked.find((look) => 'error' in look && isTransient(look.error));
  if (silent && 'error' in silent) await again(silent.error);

  const findings: Finding[] = [];
  const running: string[] = [];
  const unattested: string[] = [];
  const identities: Record<string, string> = {};
  for (const look of looks) {
    const { name: consumer } = look.consumer;
    if ('error' in look) {
      if (required.has(consumer)) findings.push(unreachable(consumer, whyOf(look.error)));
      continue;
    }
    const { inspection, machine } = look.answer;
    if (machine !== undefined) identities[leaseKey(look.consumer)] = machine;
    if (inspection.state !== 'stopped') running.push(consumer);
    if (!required.has(consumer) || !previous) continue;
    const { evidence } = run.spec.policy;
    if (host.manual && previous.secretRef && inspection.healthy && !isConverged(inspection, previous.generation, evidence))
      unattested.push(consumer);
    // Whoever is not well is waited for alone, when it is handed the new version.
    else if (run.urgency === null) findings.push(...consumerFindings(inspection, run.spec, previous.generation));
  }
  if (!('error' in who)) identities[name] = who.answer;
  // A host that answers nothing is one of which each consumer tells by itself; later it could not
  // be told from another.
  else if (required.size > 0 && !findings.some(({ reason }) => reason === 'unreachable'))
    findings.push(unreachable(name, whyOf(who.error)));
  return {
    findings,
    identities,
    consumers,
    running: running.sort(),
    ...(unattested.length > 0 ? { unattested: unattested.sort() } : {}),
  };
}

/**
 * A program that is not well gets this many further looks, so many milliseconds apart: it may just
 * be starting, or its own endpoint have failed once.
 */
const furtherLooks = { most: 5, apart: 200 } as const;

async function lookWell(look: () => Promise<Inspection>): Promise<Inspection> {
  for (let looks = 0; ; looks++) {
    const seen = await look();
    // A login that was refused is no program that is just starting.
    if (seen.healthy || seen.authenticationFailed || looks === furtherLooks.most) return seen;
    await sleep(furtherLooks.apart);
  }
}

type Answered<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** An answer, or why there is none; a fault of ours is neither. */
async function answered<Answer>(ask: () => Promise<Answer>): Promise<Answered<Answer>> {
  try {
    return { answer: await ask() };
  } catch (error) {
    if (error instanceof RekeyError || isTransient(error)) return { error };
    throw error;
  }
}
