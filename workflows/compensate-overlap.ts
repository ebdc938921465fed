/** Owns the way back of an overlap rotation: the old version everywhere again and proved, then the new one gone, under the same guard with the roles exchanged. */
import { atStore, bookkeeping, books, effectsAtStore } from './activity-options.js';
import type { RotationReport } from './contract.js';
import { enabled, guarded } from './retire.js';
import type { Run } from './run.js';
import { handOut } from './steps.js';

export async function compensateOverlap(run: Run): Promise<RotationReport> {
  const undo = await books.readUndo({ step: run.step('read-undo') });
  await books.releaseLeases({ step: run.step('release-leases') });
  if (!undo.minted) {
    run.enter('closing');
    return run.close('refused');
  }
  const previous = run.row.previousGeneration!;
  if (undo.disabled) await enabled(run, 'back');
  // Whoever has an intent may hold the new version, whatever its outcome was.
  const affected = run.targets.filter((t) => undo.delivered.includes(t.name));
  for (let round = 1; ; round++) {
    const behind = affected.filter((t) => !run.isExempt(t.name));
    await run.insist(() => handOut(run, behind, previous, `back-${round}`));
    // What was sent before the turn may land after it: only a look after that counts.
    await settled(run, ['hand-out']);
    await run.recorded(books.reinstate({ step: run.step('reinstate') }));
    if (!undo.versionStands || (await removedNew(run, behind, round))) break;
  }
  run.enter('closing');
  await run.insist(() => atStore(run.spec.store).removeStrays({ step: run.step('remove-strays') }));
  return run.close('compensated');
}

/** Revokes the new version; false when a consumer turned out to be on it still: then everyone is handed the old one again. */
async function removedNew(run: Run, behind: Run['targets'], round: number): Promise<boolean> {
  const [going, staying] = [run.row.generation, run.row.previousGeneration!];
  const removed = await run.insist(() =>
    guarded(run, behind, staying, `back-${round}`, () =>
      run.recorded(
        effectsAtStore(run.spec.store).revokeVersion({ step: run.step('revoke', `revoke/back-${round}`), going, staying }),
      ),
    ),
  );
  if (!removed && round % mostRounds === 0) await run.hold('consumers do not stay on the old version');
  return removed;
}

/** Rounds of the way back before a person is asked why it does not hold. */
const mostRounds = 3;

async function settled(run: Run, kinds: readonly string[]): Promise<void> {
  const left = await run.insist(() => bookkeeping.awaitSettled({ step: run.step('settle'), kinds }));
  if (left > 0) await run.settle(left);
}
