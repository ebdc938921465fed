/** Owns the way back of an overlap rotation: the old version everywhere again and proved, then the new one gone, under the same guard with the roles exchanged. */
import { atStore, bookkeeping, books, effectsAtStore } from './activity-options.js';
import type { RotationReport } from './contract.js';
import { codeOf } from './failures.js';
import type { Run } from './run/run.js';
import { atTheStore, byPerson } from './steps/assisted.js';
import { handOut } from './steps/distribute.js';
import { enabled, guarded } from './steps/retire.js';

export async function compensateOverlap(run: Run): Promise<RotationReport> {
  await books.releaseLeases({ step: run.step('release-leases') });
  await settleAsked(run);
  const undo = await books.readUndo({ step: run.step('read-undo') });
  if (!undo.minted && !run.minted) {
    run.enter('closing');
    return run.close('refused');
  }
  const previous = run.row.previousGeneration!;
  if (undo.disabled) await enabled(run, 'back');
  // A ledger that was set back may have lost the revoke: nobody is handed a key that is dead.
  while (!(await run.insist(() => atStore(run.spec.store).proveEnabled({ step: run.step('prove-old'), generation: previous }))))
    await run.hold(`generation ${previous} is not accepted any more`);
  // Whoever has an intent may hold the new version, whatever its outcome was.
  const forgotten = run.reconciled > 0 && run.handedOut;
  const affected = run.targets.filter((t) => forgotten || undo.delivered.includes(t.name));
  for (let round = 1; ; round++) {
    const behind = affected.filter((t) => !run.isExempt(t.name));
    await run.insist(() => handOut(run, behind, previous, `back-${round}`));
    // What was sent before the turn may land after it: only a look after that counts.
    await settled(run, ['hand-out']);
    await run.recorded(books.reinstate({ step: run.step('reinstate') }));
    if (!undo.versionStands || (await removedNew(run, behind, round))) break;
  }
  run.enter('closing');
  await run.insist(() => atStore(run.spec.store).removeStrays({ step: run.step('remove-strays'), known: run.minted }));
  return run.close('compensated');
}

/** Revokes the new version; false when a consumer turned out to be on it still: then everyone is handed the old one again. */
async function removedNew(run: Run, behind: Run['targets'], round: number): Promise<boolean> {
  const [going, staying] = [run.row.generation, run.row.previousGeneration!];
  const removed = await run.insist(() =>
    guarded(run, behind, staying, `back-${round}`, () => {
      const key = `revoke/back-${round}`;
      const byApi = () => effectsAtStore(run.spec.store).revokeVersion({ step: run.step('revoke', key), going, staying });
      return atTheStore(run, { effect: 'revoke', key, generation: going, staying }, byApi);
    }),
  );
  if (!removed && round % mostRounds === 0) await run.hold('consumers do not stay on the old version');
  return removed;
}

/** What a person was asked for on the way forward is settled by that person alone: it may have been done, and nobody else knows. */
async function settleAsked(run: Run): Promise<void> {
  const { asked } = await books.readUndo({ step: run.step('read-undo') });
  const { generation, previousGeneration } = run.row;
  for (const { key, kind } of asked) {
    const what =
      kind === 'mint'
        ? ({ effect: 'mint', key, generation } as const)
        : ({ effect: 'disable', key, generation: previousGeneration!, staying: generation } as const);
    try {
      await byPerson(run, what);
    } catch (error) {
      if (codeOf(error) !== 'KR_NOT_DONE') throw error;
    }
  }
}

/** Rounds of the way back before a person is asked why it does not hold. */
const mostRounds = 3;

async function settled(run: Run, kinds: readonly string[]): Promise<void> {
  const left = await run.insist(() => bookkeeping.awaitSettled({ step: run.step('settle'), kinds }));
  if (left > 0) await run.settle(left);
}
