/**
 * Owns the way back of an overlap rotation: the old version everywhere again and proved, then the
 * new one gone, under the same guard with the roles exchanged.
 */
import { atStore, effectsAtStore, ledger, localLedger } from './activity-options.js';
import type { RunReport } from './contract.js';
import { codeOf } from './failures.js';
import type { Run } from './run/run.js';
import { retryUntilOperator, settle, waitForOperator } from './run/waits.js';
import { distribute } from './steps/distribute.js';
import { atTheStore, byPerson } from './steps/manual-effect.js';
import { enabled, removeOrphans, withGuard } from './steps/retire.js';

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
  if (undo.disabled) await enabled(run, 'back');
  // A ledger that was set back may have lost the revoke: nobody is handed a key that is dead.
  while (
    !(await retryUntilOperator(run, () =>
      atStore(run.spec.store).proveEnabled({ step: run.step('prove-old'), generation: previous }),
    ))
  )
    await waitForOperator(run, `generation ${previous} is not accepted any more`);
  // Whoever has an intent may hold the new version, whatever its outcome was.
  const forgotten = run.reconciled > 0 && memory.distributed;
  const affected = run.targets.filter((t) => forgotten || undo.delivered.includes(t.name));
  for (let round = 1; ; round++) {
    const behind = affected.filter((t) => !run.isExempt(t.name));
    await retryUntilOperator(run, () => distribute(run, behind, previous, `back-${round}`));
    // What was sent before the turn may land after it: only a look after that counts.
    await awaitSettled(run, ['distribute']);
    await run.recorded(localLedger.reinstate({ step: run.step('reinstate') }));
    if (!undo.versionStands || (await removeNew(run, behind, round))) break;
  }
  run.enter('closing');
  await removeOrphans(run, memory.minted);
  return run.close('compensated');
}

/**
 * Revokes the new version; false when a consumer turned out to be on it still: then everyone is
 * handed the old one again.
 */
async function removeNew(run: Run, behind: Run['targets'], round: number): Promise<boolean> {
  const [target, survivor] = [run.generation, run.row.previousGeneration!];
  const removed = await retryUntilOperator(run, () =>
    withGuard(run, behind, survivor, `back-${round}`, () => {
      const key = `revoke/back-${round}`;
      const byApi = () => effectsAtStore(run.spec.store).revokeVersion({ step: run.step('revoke', key), target, survivor });
      return atTheStore(run, { effect: 'revoke', key, generation: target, survivor }, byApi);
    }),
  );
  if (!removed && round % mostRounds === 0) await waitForOperator(run, 'consumers do not stay on the old version');
  return removed;
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

async function awaitSettled(run: Run, kinds: readonly string[]): Promise<void> {
  const left = await retryUntilOperator(run, () => ledger.awaitSettled({ step: run.step('settle'), kinds }));
  if (left > 0) await settle(run, left);
}
