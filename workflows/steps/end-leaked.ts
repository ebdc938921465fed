/** Owns the end of a version in an incident: once everybody is on another, or it is time. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { effectsAtStore } from '../activity-options.js';
import { codeOf, messageOf } from '../failures.js';
import { awaitLeave, isHeld, pausePoint } from '../run/gates.js';
import type { Run } from '../run/run.js';
import { waitForOperator } from '../run/waits.js';
import { confirmAll } from './distribute.js';
import { inspect } from './inspect.js';
import { atTheStore } from './manual-effect.js';
import type { Moment } from './moment.js';
import { refusals } from './retire.js';

/** Once everybody shows the other version, or at the moment that was set. */
export async function revokeLeaked(run: Run, target: number, moment: Moment): Promise<void> {
  const confirmed = await moment.orPassed(async () => {
    await revokeConfirmed(run, target);
    return 'revoked' as const;
  });
  if (confirmed !== 'revoked') await revokeDue(run, target);
}

/** Under the guard of every revoke, which asks for `uses` here; a person is told who is behind. */
export async function revokeConfirmed(run: Run, target: number): Promise<void> {
  for (let asked = false; ; ) {
    await pausePoint(run);
    await inspect(run, run.required);
    const refused = await revoke(run, target, false);
    if (refused === null) return;
    const code = codeOf(refused);
    if (isHeld(refused)) await awaitLeave(run, 'take-away');
    if (isHeld(refused) || code === 'KR_GUARD_STALE') continue;
    if (code !== 'KR_CONSUMER_BEHIND') throw refused;
    // It may just have been restarting.
    asked = !asked && (await confirmAll(run, run.required, run.generation, `leaked-${target}`));
    if (!asked) await waitForOperator(run, messageOf(refused), { consumers: run.required.map(({ name }) => name) });
  }
}

/** The moment is there: what is asked is whose the key is and whether another works, no more. */
async function revokeDue(run: Run, target: number): Promise<void> {
  await lookAtLate(run);
  for (;;) {
    const refused = await revoke(run, target, true);
    if (refused === null) return;
    if (isHeld(refused)) await awaitLeave(run, 'take-away');
    if (isHeld(refused) || codeOf(refused) === 'KR_GUARD_STALE') continue;
    const why = `generation ${target} was to die by now: ${messageOf(refused)}; rekey incident open --contain ends it anyway`;
    await waitForOperator(run, why);
  }
}

/** Milliseconds in which hosts may still say who is behind; the moment waits for nobody. */
const lookFor = 3_000;

async function lookAtLate(run: Run): Promise<void> {
  const looking = new CancellationScope();
  const looked = looking.run(() => inspect(run, run.required)).catch(() => undefined);
  await Promise.race([looked, sleep(lookFor)]);
  looking.cancel();
}

/** Null once it is gone; else what its guard says, with nothing sent. */
async function revoke(run: Run, target: number, due: boolean): Promise<unknown> {
  const [survivor, key] = [run.generation, `revoke/${due ? 'due' : 'leaked'}-${target}`];
  const byApi = () =>
    effectsAtStore(run.spec.store).revokeVersion({ step: run.step('revoke', key), target, survivor, ...(due && { due }) });
  await run.cross(key);
  try {
    await CancellationScope.nonCancellable(() => atTheStore(run, { effect: 'revoke', key, generation: target, survivor }, byApi));
    return null;
  } catch (error) {
    if (isCancellation(error) || !refusals.includes(codeOf(error) ?? '')) throw error;
    run.uncross();
    return error;
  }
}
