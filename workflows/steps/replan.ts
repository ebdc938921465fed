/** Owns what becomes of an overlap rotation that was open when a leak was told. */
import { localLedger } from '../activity-options.js';
import { awaitSettled, keepNew, type OverlapMemory } from '../compensate-overlap.js';
import type { RunReport } from '../contract.js';
import { type Replan, replanOf } from '../domain/replan.js';
import type { Run } from '../run/run.js';
import { removeOrphans } from './retire.js';

export async function replanned(run: Run): Promise<Replan> {
  const { generation, previousGeneration, direction, phase } = run.row;
  // It has just been opened.
  if (phase === 'planned') return 'hurry';
  const versions = await localLedger.versionsToEnd({ step: run.step('leaked') });
  const live = versions.filter(({ state }) => state !== 'revoked');
  const hasLeaked = (one: number | null) => live.some((v) => v.generation === one && v.leaked);
  return replanOf({
    way: run.urgency!.way,
    direction,
    crossed: run.crossing !== null,
    bound: run.isBound,
    oldLeaked: hasLeaked(previousGeneration),
    newLeaked: hasLeaked(generation),
    newStands: live.some((v) => v.generation === generation),
  });
}

/** It was going back to what has leaked: everybody is handed the new version, which stays. */
export async function stayWithNew(run: Run, memory: OverlapMemory): Promise<RunReport> {
  await localLedger.releaseLeases({ step: run.step('release-leases') });
  return keepNew(run, memory);
}

/** Whether what it made has leaked by now: nobody can be handed that any more. */
export async function hasMadeLeaked(run: Run): Promise<boolean> {
  if (!run.urgency || run.row.phase === 'planned') return false;
  const versions = await localLedger.versionsToEnd({ step: run.step('leaked') });
  return versions.some(({ generation, state, leaked }) => generation === run.generation && leaked && state !== 'revoked');
}

/**
 * Ends where it stands, once nothing that it sent can land any more; its versions, and programs
 * that it has stopped, are for the run that follows.
 */
export async function supersede(run: Run, memory: OverlapMemory | null): Promise<RunReport> {
  await localLedger.releaseLeases({ step: run.step('release-leases') });
  const { asked } = await localLedger.readUndo({ step: run.step('read-undo') });
  for (const { key, kind } of asked) await localLedger.declineAsked({ step: run.step(kind, key) });
  await awaitSettled(run, memory ? ['distribute'] : ['distribute', 'undeploy', 'deploy']);
  run.enter('closing');
  if (memory) await removeOrphans(run, memory.minted);
  run.remark('what it made, or what it replaces, has leaked: another run follows');
  return run.close('superseded');
}
