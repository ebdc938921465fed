/**
 * Owns the reversible half of taking away: disable, the watch that follows, and enable when anybody
 * turns out to need the version.
 */
import type { JsonObject } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Recorded } from '../../workflows/domain/records.js';
import { isConverged, named } from '../../workflows/domain/revoke.js';
import { exitsOf } from '../../workflows/domain/waits.js';
import { canBringBack, type KeySeen, seenAs } from '../../workflows/domain/way-back.js';
import {
  beginLook,
  contextOf,
  type EffectDeps,
  effectAtStore,
  hostContextOf,
  knownVersions,
  lookAt,
  type ObservationDeps,
  type StepInput,
  secretOf,
  sleep,
  versionOf,
  within,
} from '../deps.js';
import type { Attempt } from '../ports/journal.js';
import { acceptedEverywhere, type KeyStoreView } from '../ports/key-store.js';
import type { InspectInput } from './consumers.js';
import { requireMayTakeAway } from './guard.js';
import { keepMemberships } from './memberships.js';
import type { RetireInput } from './retire.js';
import { factsOf, isBound, tellSpread } from './spread.js';

/**
 * Makes a version unusable, under the same guard as the revoke; its rights are kept with the
 * intent, so that enable can put them back.
 */
export async function disableVersion(
  deps: EffectDeps,
  { step, target: generation, survivor }: RetireInput,
): Promise<Recorded<{ readonly [key: string]: number; generation: number }>> {
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const target = versionAt(generation);
  const { request, settle } = store.capabilities.timing;
  const look = async (signal: AbortSignal): Promise<JsonObject> => ({
    rights: (await store.describe(target.keyId, signal))?.rights ?? null,
  });
  const leave = { gate: 'take-away' } as const;
  return once(
    step,
    { deadline: request * 3, settle, waitForSettle: false, snapshotBefore: look, leave },
    async (attempt, effects, who) => {
      attempt.markUnsent('and-before');
      const grant = await requireMayTakeAway(deps, { store, run, ...who }, target, versionAt(survivor), attempt.signal);
      await keepMemberships(store, effects, versionAt(survivor), target, attempt.signal);
      grant.requireFresh();
      attempt.markUnsent('no');
      attempt.beforeSending();
      await orGone(store, target.keyId, attempt, () => effects.disable!(target.keyId, within(attempt.signal, request)));
      // One that could not be enabled again, and was missed before.
      if (target.state !== 'disabled') attempt.stage({ kind: 'move-version', generation, event: 'disable' });
      return { generation };
    },
  );
}

export interface EnableInput extends StepInput {
  readonly generation: number;
}

/** Makes a disabled version usable again, with the rights that it had. */
export async function enableVersion(
  deps: EffectDeps,
  { step, generation }: EnableInput,
): Promise<Recorded<{ readonly [key: string]: number; generation: number }>> {
  const { store, versionAt, once } = await effectAtStore(deps, step);
  const version = versionAt(generation);
  if (version.compromised) throw new RekeyError('KR_COMPROMISED', `generation ${generation} has leaked, and stays disabled`);
  const rights = ((await deps.ledger.seenBefore(step.run, 'disable'))?.rights ?? {}) as JsonObject;
  const { request, settle } = store.capabilities.timing;
  return once(step, { deadline: request * 2, settle, waitForSettle: false }, async (attempt, effects) => {
    attempt.beforeSending();
    const secret = canBringBack(store.capabilities, false) && !version.secretRef ? null : await secretOf(deps, version);
    const key = { keyId: version.keyId, secret, rights };
    await orGone(store, key.keyId, attempt, () => effects.enable!(key, within(attempt.signal, request)));
    if (version.state === 'disabled') attempt.stage({ kind: 'move-version', generation, event: 'enable' });
    return { generation };
  });
}

/**
 * What a store refuses for good of a key that it does not have any more is no matter of rights or
 * limits: throws KR_KEY_GONE.
 */
async function orGone(store: KeyStoreView, keyId: string, attempt: Attempt, send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } catch (error) {
    const isRefused = error instanceof RekeyError && error.code === 'KR_STORE_REFUSED';
    if (!isRefused || !store.capabilities.listsKeys || (await store.describe(keyId, attempt.signal)) !== null) throw error;
    attempt.markUnsent('this');
    throw new RekeyError('KR_KEY_GONE', `key ${keyId} is not in the store any more`);
  }
}

/** Acceptances in a row that count as proof. */
const proofs = 3;

/**
 * Observes: whether every endpoint accepts the version again, once no disable of ours can land any
 * more; and how it is where they do not, within the store's own time. Without its secret the
 * store's own word is asked for.
 */
export async function proveEnabled(
  deps: ObservationDeps,
  { step, generation }: EnableInput,
  signal: AbortSignal,
): Promise<KeySeen> {
  const left = await deps.ledger.unsettled(step.run, ['disable'], null);
  if (left > 0) throw new RekeyError('KR_SETTLING', `a disable can still land for ${left} ms`, left + 20);
  await deps.ledger.enter(step);
  const { run, store, versionAt } = await contextOf(deps, step, signal);
  const version = versionAt(generation);
  const { propagation: milliseconds, request } = store.capabilities.timing;
  await tellSpread(deps, step, factsOf(run, step), { text: `generation ${generation} to be accepted`, milliseconds });
  const { undoDelete, listsKeys } = store.capabilities;
  const described = async () => (listsKeys ? ((await store.describe(version.keyId, signal))?.state ?? null) : undefined);
  if (!version.secretRef) return seenAs({ accepted: null, state: await described(), undoDelete });

  const key = { keyId: version.keyId, secret: await secretOf(deps, version) };
  const until = performance.now() + milliseconds;
  for (let accepted = 0; accepted < proofs; await sleep(100)) {
    accepted = acceptedEverywhere(await store.probe(key, within(signal, request))) ? accepted + 1 : 0;
    if (accepted === 0 && performance.now() > until) return seenAs({ accepted: false, state: await described(), undoDelete });
  }
  return 'accepted';
}

export interface SoakInput extends InspectInput {
  /** The disabled version, and the one that everyone must stay on. */
  readonly target: number;
  readonly survivor: number;
}

/** Milliseconds between two looks of a soak: a hundredth of it, within these bounds. */
const pollInterval = { least: 200, most: 60_000 } as const;
/**
 * A consumer that is not right gets this many further looks before it counts: it may just be
 * starting.
 */
const furtherLooks = 10;

/**
 * Observes: the consumers of one host while a version is disabled, for as long as the soak lasts.
 * Answers with those that seem to need it, and why; none when the soak is over. Throws KR_SOAKING,
 * with the time after which it looks again.
 */
export async function watchSoak(
  deps: ObservationDeps,
  { step, host: name, consumers: names, target, survivor }: SoakInput,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { run, consumers, host } = await hostContextOf(deps, step, name, names, signal);
  const { evidence } = run.spec.policy;
  const looking = await beginLook(deps, step, names);
  let behind: readonly string[] = names;
  for (let looks = 0; behind.length > 0 && looks <= furtherLooks; looks++) {
    if (looks > 0) await sleep(pollInterval.least);
    const known = await knownVersions(deps, step.credential);
    const inspections = await Promise.all(
      consumers.map((c) => lookAt(host, c, known, looking, within(signal, host.capabilities.timing.request * 2))),
    );
    await deps.ledger.recordInspections(step, looking.attempt, inspections);
    const seen = inspections.map((look) => look.seen);
    behind = seen.filter((i) => !isConverged(i, survivor, evidence)).map(named);
    // A login that was refused is no program that is just starting.
    if (seen.some((i) => i.authenticationFailed)) break;
  }
  if (behind.length > 0) return behind;
  await waitOutSoak(deps, { step, target });
  return [];
}

export interface SoakedInput extends StepInput {
  /** The disabled version. */
  readonly target: number;
}

/**
 * Observes: how long the version is disabled. Throws KR_SOAKING, with the time after which it is
 * worth asking again, until the soak is over.
 */
export async function waitOutSoak(deps: ObservationDeps, { step, target }: SoakedInput): Promise<void> {
  const run = await deps.ledger.run(step.run);
  const { soak } = run.spec.policy;
  const old = versionOf(await deps.ledger.versions(step.credential), target);
  const left = run.expedited ? 0 : soak - old.changedMs;
  if (left <= 0) return;
  await deps.ledger.openWait(step, {
    kind: 'quiet',
    step: step.key,
    text: `generation ${target} to be missed by nobody; it is disabled, and enabled again at once if anybody is refused`,
    person: false,
    deadline: new Date(Date.now() + left).toISOString(),
    nextCommands: exitsOf({ kind: 'quiet', number: null }, factsOf(run, step, { bound: isBound(run, old) })),
  });
  throw new RekeyError('KR_SOAKING', `${Math.ceil(left / 1000)} s left`, pauseOf(soak, left));
}

function pauseOf(soak: number, left: number): number {
  return Math.min(Math.max(soak / 100, pollInterval.least), pollInterval.most, left + 10);
}
