/**
 * Owns the taking away of a version: quiet first, then disabled and watched where the store can, or
 * enabled again where it is missed, then revoked; each under a guard that looks once more. Then it
 * is proved dead, and what lost replies left behind goes last.
 */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { atHost, atStore, effectsAtStore } from '../activity-options.js';
import type { ConsumerSpec } from '../domain/credential.js';
import type { KeySeen } from '../domain/way-back.js';
import { codeOf } from '../failures.js';
import { awaitLeave, isHeld, pausePoint } from '../run/gates.js';
import type { Run } from '../run/run.js';
import { retryUntilOperator, waitForOperator } from '../run/waits.js';
import { confirmAll } from './distribute.js';
import { byHost, inspect, whileRequired } from './inspect.js';
import { atTheStore } from './manual-effect.js';

/** Waits until the old version is quiet; expedite asks again at once, without grace. */
export function drain(run: Run, round: number): Promise<void> {
  return withExpedite(run, () => atStore(run.spec.store).drain({ step: run.step('drain', `drain/${round}`) }));
}

/**
 * The old version is gone; or somebody turned out to be behind, and it is usable as it was before.
 */
export type Retired = { readonly done: true } | { readonly reason: string };

/** Ends the old version. */
export async function retire(run: Run, round: number, disables: boolean): Promise<Retired> {
  const target = run.row.previousGeneration!;
  const survivor = run.generation;
  // Behind the intent of a revoke it was disabled long ago.
  if (disables && !run.crossing) {
    const how = await disabled(run, round);
    if (how === 'behind') return behind;
    // One that somebody else has deleted is watched by nobody, and cannot be given back.
    const missing = how === 'gone' ? [] : await soak(run, round);
    if (missing.length > 0) {
      await enabled(run, `${round}`);
      return { reason: `generation ${target} was missed while it was disabled, by ${missing.join(', ')}` };
    }
  }
  const gone = await withGuard(run, run.required, survivor, `revoke-${round}`, async () => {
    const key = `revoke/${round}`;
    await run.cross(key);
    const byApi = () => effectsAtStore(run.spec.store).revokeVersion({ step: run.step('revoke', key), target, survivor });
    return CancellationScope.nonCancellable(() =>
      atTheStore(run, { effect: 'revoke', key, generation: target, survivor }, byApi),
    );
  });
  if (!gone && disables) await enabled(run, `${round}`);
  return gone ? { done: true } : behind;
}

const behind = { reason: 'a consumer is behind' };

async function disabled(run: Run, round: number): Promise<'disabled' | 'behind' | 'gone'> {
  const [target, survivor] = [run.row.previousGeneration!, run.generation];
  const key = `disable/${round}`;
  const byApi = () => effectsAtStore(run.spec.store).disableVersion({ step: run.step('disable', key), target, survivor });
  try {
    const isDisabled = await withGuard(run, run.required, survivor, `disable-${round}`, () =>
      atTheStore(run, { effect: 'disable', key, generation: target, survivor }, byApi),
    );
    return isDisabled ? 'disabled' : 'behind';
  } catch (error) {
    if (codeOf(error) !== 'KR_KEY_GONE') throw error;
    return 'gone';
  }
}

/**
 * Watches every consumer while the old version is disabled; answers with those that seem to need
 * it. Expedite ends it after one more look.
 */
async function soak(run: Run, round: number): Promise<readonly string[]> {
  const [target, survivor] = [run.row.previousGeneration!, run.generation];
  const step = () => run.step('soak', `soak/${round}`);
  const watched = await withExpedite(run, () =>
    whileRequired(run, run.required, async (left) => {
      // Nobody is to be watched; the time is for those whom nobody knows of.
      if (left.length === 0) await atStore(run.spec.store).waitOutSoak({ step: step(), target });
      const watching = byHost(left).map(({ host, names }) =>
        atHost(host).watchSoak({ step: step(), host, consumers: names, target, survivor }),
      );
      return Promise.all(watching);
    }),
  );
  return watched.flat();
}

/**
 * How often a version that was enabled and is not accepted is enabled again before a person is
 * asked.
 */
const mostEnables = 3;

/**
 * Makes the old version usable again, and proves it once nothing that was sent before can land any
 * more. Acts at once: somebody may be refused now. False: it is gone for good, or a person does
 * without it.
 */
export async function enabled(run: Run, round: string): Promise<boolean> {
  const generation = run.row.previousGeneration!;
  for (let tries = 1; ; tries++) {
    const isThere = await retryUntilOperator(run, () => enable(run, `enable/${round}-${tries}`, generation));
    const seen = isThere ? await retryUntilOperator(run, () => look(run, 'prove-enabled', generation)) : 'gone';
    if (seen === 'accepted') return true;
    if (seen === 'gone') return false;
    if (tries % mostEnables !== 0) continue;
    const why = `generation ${generation} was enabled and is still refused`;
    if ((await waitForOperator(run, why, { skips: true })) === 'leave-out') return false;
  }
}

/** False where the key is gone from the store. */
async function enable(run: Run, key: string, generation: number): Promise<boolean> {
  const byApi = () => effectsAtStore(run.spec.store).enableVersion({ step: run.step('enable', key), generation });
  try {
    await atTheStore(run, { effect: 'enable', key, generation }, byApi);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'KR_KEY_GONE') throw error;
    return false;
  }
}

/** How the store has the old version now. */
export function look(run: Run, step: string, generation: number): Promise<KeySeen> {
  return atStore(run.spec.store).proveEnabled({ step: run.step(step), generation });
}

/**
 * Does what takes a version away as soon as its guard agrees. False when a consumer is behind for
 * longer than it takes to start anew. A refusal has sent nothing, so that the way back is open
 * again; any other failure leaves it open or closed as it was.
 */
export async function withGuard(
  run: Run,
  consumers: readonly ConsumerSpec[],
  survivor: number,
  name: string,
  act: () => Promise<unknown>,
): Promise<boolean> {
  for (let asked = false; ; ) {
    await pausePoint(run);
    await inspect(run, consumers);
    try {
      await act();
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (!refusals.includes(code ?? '')) throw error;
      run.uncross();
      if (isHeld(error)) await awaitLeave(run, 'take-away');
      if (isHeld(error) || code === 'KR_GUARD_STALE') continue;
      // It may just have been restarting: it is asked, with patience, before anybody is handed
      // anything again.
      if (code !== 'KR_CONSUMER_BEHIND') throw error;
      if (asked || !(await confirmAll(run, consumers, survivor, name))) return false;
      asked = true;
    }
  }
}

/**
 * Removes what lost replies left behind at the store. `known`: the key that this run minted, which
 * the ledger may have lost.
 */
export async function removeOrphans(run: Run, known: string | null): Promise<void> {
  await retryUntilOperator(run, () =>
    run.recorded(effectsAtStore(run.spec.store).removeOrphans({ step: run.step('remove-orphans'), known })),
  );
}

/**
 * Whether every endpoint refuses a version, the old one unless said; or an operator does not want
 * to wait for it.
 */
export function proveDead(run: Run, generation?: number): Promise<'refused' | 'accepted' | 'skipped'> {
  const key = generation === undefined ? 'prove-dead' : `prove-dead/${generation}`;
  const of = generation === undefined ? {} : { generation };
  const prove = () => {
    const proving = new CancellationScope();
    return run.operator.skippably({ kind: 'spread', number: null }, async (skipped) => {
      skipped.then(
        () => proving.cancel(),
        () => undefined,
      );
      try {
        const dead = await proving.run(() => atStore(run.spec.store).proveDead({ step: run.step('prove-dead', key), ...of }));
        return dead ? ('refused' as const) : ('accepted' as const);
      } catch (error) {
        if (isCancellation(error)) return 'skipped' as const;
        throw error;
      }
    });
  };
  return retryUntilOperator<'refused' | 'accepted' | 'skipped'>(run, prove, { leftOut: 'skipped' });
}

/** Codes of a guard that refused, each with its intent closed as not sent. */
export const refusals: readonly string[] = [
  'KR_GUARD_STALE',
  'KR_CONSUMER_BEHIND',
  'KR_GUARD_REFUSED',
  'KR_TARGET_CHANGED',
  'KR_NOT_NOW',
  'KR_NOT_DONE',
];

/**
 * Runs a wait that expedite cuts short; then it is asked once more, for what must not be shortened.
 */
async function withExpedite<Result>(run: Run, wait: () => Promise<Result>): Promise<Result> {
  for (let expedited = run.operator.expedited; ; expedited = true) {
    const waiting = new CancellationScope();
    const hurry = expedited ? null : run.operator.whenExpedited().then(() => waiting.cancel());
    hurry?.catch(() => undefined);
    try {
      return await waiting.run(wait);
    } catch (error) {
      if (!isCancellation(error) || !run.operator.expedited || expedited) throw error;
    }
  }
}
