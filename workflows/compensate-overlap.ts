/**
 * Owns the way back of an overlap rotation: the old version everywhere again and proved, then the
 * new one gone, under the same guard with the roles exchanged.
 */
import { effectsAtStore, ledger, localLedger } from './activity-options.js';
import type { RunReport } from './contract.js';
import { inWords } from './domain/way-back.js';
import { codeOf, messageOf } from './failures.js';
import { pausePoint } from './run/gates.js';
import type { Run } from './run/run.js';
import { retryUntilOperator, settle, waitForOperator } from './run/waits.js';
import { distribute } from './steps/distribute.js';
import { atTheStore, byPerson } from './steps/manual-effect.js';
import { enabled, look, removeOrphans, withGuard } from './steps/retire.js';
import { proveLeakedDead, recordLeak } from './steps/urgent.js';

/**
 * What a ledger that was set back cannot tell: the key that was minted, and whether anybody was
 * handed anything.
 */
export interface OverlapMemory {
  minted: string | null;
  distributed: boolean;
}

export async function compensateOverlap(run: Run, memory: OverlapMemory): Promise<RunReport> {
  await localLedger.releaseLeases({ step: run.step('release-leases') });
  await settleAsked(run);
  const undo = await localLedger.readUndo({ step: run.step('read-undo') });
  if (!undo.minted && !memory.minted) {
    run.enter('closing');
    return run.close('refused');
  }
  const previous = run.row.previousGeneration!;
  // Whoever has an intent may hold the new version, whatever its outcome was.
  const forgotten = run.reconciled > 0 && memory.distributed;
  const affected = run.targets.filter((t) => forgotten || undo.delivered.includes(t.name));
  const left = () => affected.filter((t) => !run.isExempt(t.name));
  for (let round = 1; undo.versionStands || affected.length > 0; round++) {
    await pausePoint(run);
    if (!(await oldIsUsable(run, round === 1 && undo.disabled, round, undo.versionStands))) return keepNew(run, memory);
    await retryUntilOperator(run, () => distribute(run, left(), previous, `back-${round}`), {
      consumers: affected.map((t) => t.name),
    });
    // What was sent before the turn may land after it: only a look after that counts.
    await awaitSettled(run, ['distribute']);
    await run.recorded(localLedger.reinstate({ step: run.step('reinstate') }));
    if (!undo.versionStands) break;
    const removed = await takeAway(run, left(), run.generation, previous, `back-${round}`);
    if (removed === true) break;
    if (removed !== false) await waitForOperator(run, removed);
    else if (round % mostRounds === 0)
      await waitForOperator(run, 'consumers do not stay on the old version', { consumers: affected.map((t) => t.name) });
  }
  await pausePoint(run);
  run.enter('closing');
  await removeOrphans(run, memory.minted);
  return run.close('compensated');
}

/**
 * Whether the old version can be given back to consumers. False: it cannot, and a person says that
 * the new one is to stay in its place.
 */
async function oldIsUsable(run: Run, disabled: boolean, round: number, skips: boolean): Promise<boolean> {
  const generation = run.row.previousGeneration!;
  const name = round === 1 ? 'back' : `back-${round}`;
  for (let enable = disabled, tries = 1; ; tries++) {
    const isGone = enable && !(await enabled(run, tries === 1 ? name : `${name}-again-${tries}`));
    // A ledger that was set back may have lost the revoke: nobody is handed a key that is dead.
    const seen = isGone ? 'gone' : await retryUntilOperator(run, () => look(run, 'prove-old', generation));
    if (seen === 'accepted') return true;
    // Somebody has switched it off.
    const switchedOff = seen === 'disabled' && !enable;
    enable = seen === 'disabled';
    if (switchedOff) continue;
    const why = `${inWords(seen, generation)}; leave it out to keep generation ${run.generation} in its place`;
    const answer = await waitForOperator(run, skips ? why : inWords(seen, generation), {
      skips,
      hopeless: seen === 'gone' && skips,
    });
    if (answer === 'leave-out') return false;
  }
}

/** The old version cannot be had any more: everybody is handed the new one, which stays. */
export async function keepNew(run: Run, memory: OverlapMemory): Promise<RunReport> {
  const [old, kept] = [run.row.previousGeneration!, run.generation];
  for (let round = 1; ; round++) {
    const consumers = run.required.map((t) => t.name);
    await retryUntilOperator(run, () => distribute(run, run.required, kept, `keep-${round}`), { consumers });
    await run.recorded(localLedger.cutOver({ step: run.step('cut-over', `cut-over/keep-${round}`) }));
    const removed = await takeAway(run, run.required, old, kept, `back-keep-${round}`);
    if (removed === true) break;
    const why = removed === false ? `consumers do not stay on generation ${kept}` : removed;
    if ((await waitForOperator(run, why, { consumers, skips: true })) === 'leave-out') break;
  }
  run.remark(`generation ${old} could not be had back, and generation ${kept} stays`);
  if (run.urgency) {
    await recordLeak(run, null, true);
    await proveLeakedDead(run);
  }
  await pausePoint(run);
  run.enter('closing');
  await removeOrphans(run, memory.minted);
  return run.close('completed');
}

/**
 * Revokes a version. False when a consumer turned out to be on it still; a text where the guard
 * refuses for another reason.
 */
async function takeAway(
  run: Run,
  behind: Run['targets'],
  target: number,
  survivor: number,
  round: string,
): Promise<boolean | string> {
  return retryUntilOperator(run, async () => {
    try {
      return await withGuard(run, behind, survivor, round, () => {
        const key = `revoke/${round}`;
        const byApi = () => effectsAtStore(run.spec.store).revokeVersion({ step: run.step('revoke', key), target, survivor });
        return atTheStore(run, { effect: 'revoke', key, generation: target, survivor }, byApi);
      });
    } catch (error) {
      if (codeOf(error) !== 'KR_GUARD_REFUSED') throw error;
      return messageOf(error);
    }
  });
}

/**
 * What a person was asked for on the way forward is settled by that person alone: it may have been
 * done, and nobody else knows.
 */
async function settleAsked(run: Run): Promise<void> {
  const { asked } = await localLedger.readUndo({ step: run.step('read-undo') });
  const { generation, row } = run;
  for (const { key, kind } of asked) {
    const what =
      kind === 'mint'
        ? ({ effect: 'mint', key, generation } as const)
        : ({ effect: 'disable', key, generation: row.previousGeneration!, survivor: generation } as const);
    try {
      await byPerson(run, what);
    } catch (error) {
      if (codeOf(error) !== 'KR_NOT_DONE') throw error;
    }
  }
}

/** Rounds of the way back before a person is asked why it does not hold. */
const mostRounds = 3;

export async function awaitSettled(run: Run, kinds: readonly string[]): Promise<void> {
  const left = await retryUntilOperator(run, () => ledger.awaitSettled({ step: run.step('settle'), kinds }));
  if (left > 0) await settle(run, left);
}
