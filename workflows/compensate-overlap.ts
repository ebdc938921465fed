/** Owns the way back of an overlap rotation: the old version everywhere again and proved, then the new one gone, under the same guard with the roles exchanged. */
import { atStore, bookkeeping, books, effectsAtStore } from './activity-options.js';
import type { RotationReport } from './contract.js';
import { codeOf } from './failures.js';
import type { Run } from './run.js';
import { handOut, look } from './steps.js';

export async function compensateOverlap(run: Run): Promise<RotationReport> {
  const undo = await books.readUndo({ step: run.step('read-undo') });
  await books.releaseLeases({ step: run.step('release-leases') });
  if (!undo.minted) {
    run.enter('closing');
    return run.close('refused');
  }
  const previous = run.row.previousGeneration!;
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

/** Revokes the new version; false when a consumer turned out to be on it still. */
async function removedNew(run: Run, affected: Run['targets'], round: number): Promise<boolean> {
  for (;;) {
    await run.insist(() => look(run, affected));
    try {
      await run.recorded(
        effectsAtStore(run.spec.store).revokeVersion({
          step: run.step('revoke', `revoke/back-${round}`),
          going: run.row.generation,
          staying: run.row.previousGeneration!,
        }),
      );
      return true;
    } catch (error) {
      if (codeOf(error) === 'KR_GUARD_STALE') continue;
      if (codeOf(error) === 'KR_GUARD_REFUSED') {
        await run.insist(() => Promise.reject(error));
        return false;
      }
      await run.insist(() => Promise.reject(error));
    }
  }
}

async function settled(run: Run, kinds: readonly string[]): Promise<void> {
  const left = await run.insist(() => bookkeeping.awaitSettled({ step: run.step('settle'), kinds }));
  if (left > 0) await run.settle(left);
}
