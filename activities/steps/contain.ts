/** Owns the death of a key that has leaked, before anybody was handed another one. */
import { killBy, mayContain } from '../../workflows/domain/contain.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Recorded } from '../../workflows/domain/records.js';
import { type EffectDeps, effectAtStore, type StepInput, within } from '../deps.js';
import { keysWithout } from './guard.js';
import { keepMemberships } from './memberships.js';

export interface ContainInput extends StepInput {
  readonly target: number;
  /** It was switched off, and goes for good now. */
  readonly final: boolean;
}

/**
 * Makes a leaked version unusable: switched off where the store can, else deleted, by the exact id
 * in the ledger. Repeating both is harmless, so that an attempt that died is not waited out.
 */
export async function containVersion(
  deps: EffectDeps,
  { step, target: generation, final }: ContainInput,
): Promise<Recorded<{ readonly [key: string]: string | number; generation: number; by: 'disable' | 'revoke' }>> {
  const { run, store, versions, versionAt, once } = await effectAtStore(deps, step);
  const target = versionAt(generation);
  const { request, settle } = store.capabilities.timing;
  const leave = { gate: 'take-away' } as const;
  return once(step, { deadline: request * 3, settle, waitForSettle: false, leave }, async (attempt, effects, { account }) => {
    attempt.markUnsent('this');
    const by = final ? 'revoke' : killBy(store.capabilities, account);
    const decision = mayContain({
      isCompromised: target.compromised,
      isManagementKey: account.managementKeyId === target.keyId,
      sameAccount: account.identity === target.account,
      kill: by,
      keysInStore: await keysWithout(store, account.keys, target, attempt.signal),
      minimumKeys: store.capabilities.minKeys,
    });
    if (!decision.ok) throw new RekeyError('KR_GUARD_REFUSED', `${decision.reason}: ${decision.message}`);
    // With a key that is deleted go its places in the lists of the store.
    const next = versions.find((v) => v.generation === run.generation);
    if (by === 'revoke' && next) await keepMemberships(store, effects, next, target, attempt.signal);
    attempt.markUnsent('no');
    attempt.beforeSending();
    const signal = within(attempt.signal, request);
    await (by === 'disable' ? effects.disable!(target.keyId, signal) : effects.revoke(target.keyId, signal));
    const isMoved = target.state === 'revoked' || (by === 'disable' && target.state === 'disabled');
    if (!isMoved) attempt.stage({ kind: 'move-version', generation, event: `contain-${by}` });
    return { generation, by };
  });
}
