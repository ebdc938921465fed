/**
 * Owns the places of a key in the lists of its store: given to a new key until they last, and kept
 * for the one that stays when the other goes.
 */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Recorded, StepRef, VersionRecord } from '../../workflows/domain/records.js';
import { type EffectDeps, effectAtStore, type StepInput, sleep, versionOf, within } from '../deps.js';
import type { KeyStoreEffects, KeyStoreView } from '../ports/key-store.js';

/** Milliseconds for which nothing may be taken out of a list again before its place counts. */
const lasting = 1_000;

/**
 * Writes: the new key's places in the lists of the store, until they last. Such a list is written
 * back whole, so that what another one adds, or a late write of ours, can take out what was just
 * put in.
 */
export async function copyMemberships(deps: EffectDeps, { step }: StepInput): Promise<Recorded<Record<string, never>>> {
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const [previous, next] = [versionAt(run.previousGeneration), versionAt(run.generation)];
  const { request, settle, propagation } = store.capabilities.timing;
  const deadline = request * 3 + lasting;
  return once(step, { deadline, settle, waitForSettle: true }, async (attempt, effects) => {
    for (let looks = 0; ; looks++) {
      if (looks > 0) await sleep(lasting);
      if (looks === 0) attempt.beforeSending();
      const missing = await keepMemberships(store, effects, next, previous, attempt.signal);
      if (!missing && looks > 0) return {};
      const { ageMs } = versionOf(await deps.ledger.versions(step.credential), run.generation);
      if (looks > 0 && ageMs > propagation) throw new RekeyError('KR_NOT_PROVED', 'it is still taken out of a list of the store');
    }
  });
}

/**
 * Writes, before a person is asked to take a version away: what the one that stays lacks in the
 * lists of the store. A step beside the one that is asked for.
 */
export async function keepMembershipsFirst(
  deps: EffectDeps,
  asked: StepRef,
  target: VersionRecord,
  survivor: VersionRecord,
): Promise<void> {
  const step = { ...asked, kind: 'copy-memberships', key: `copy-memberships/${asked.key}` };
  const { store, once } = await effectAtStore(deps, step);
  if (store.copyMemberships === undefined) return;
  const { request, settle } = store.capabilities.timing;
  await once(step, { deadline: request, settle, waitForSettle: false }, async (attempt, effects) => {
    attempt.beforeSending();
    await keepMemberships(store, effects, survivor, target, attempt.signal);
    return {};
  });
}

/** Whether the key that stays lacked a place of the other; by now it has it. */
export async function keepMemberships(
  { capabilities }: KeyStoreView,
  effects: KeyStoreEffects,
  survivor: VersionRecord,
  target: VersionRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const copied = effects.copyMemberships?.(survivor.keyId, target.keyId, within(signal, capabilities.timing.request));
  return (await copied) ?? false;
}
