/**
 * Owns the order of an overlap rotation that answers for a leaked key: nothing waits for a
 * calendar, for quiet or for a soak, and whoever is behind is waited for alone.
 */
import { CancellationScope } from '@temporalio/workflow';
import type { OverlapMemory } from './compensate-overlap.js';
import { contain } from './contain.js';
import type { RunReport } from './contract.js';
import { pausePoint } from './run/gates.js';
import type { Run } from './run/run.js';
import { revokeConfirmed, revokeLeaked } from './steps/end-leaked.js';
import { mint, prove } from './steps/mint.js';
import { momentOf } from './steps/moment.js';
import { removeOrphans } from './steps/retire.js';
import { cutOver, handOutToAll, prepareUrgently, proveLeakedDead, recordLeak, versionsBeside } from './steps/urgent.js';

/** Everything up to the death of what has leaked, the way that its incident asks for. */
export function answerLeak(run: Run, memory: OverlapMemory): Promise<void> {
  return run.urgency!.way === 'contain' ? contain(run, memory) : replaceLeaked(run, memory);
}

/**
 * New key first: what has leaked dies once everybody shows the other one, or at the moment that was
 * set; then whoever is behind is handed the other one all the same.
 */
async function replaceLeaked(run: Run, memory: OverlapMemory): Promise<void> {
  const moment = momentOf(run);
  await prepareUrgently(run);
  await mint(run, memory);
  await prove(run);
  await moment.replacementProved();
  run.enter('distributing');
  await moment.orPassed(() => pausePoint(run));
  await run.beginHandOut(false);
  memory.distributed = true;
  const handing = handOutToAll(run);
  handing.catch(() => undefined);
  await moment.orPassed(() => Promise.race([handing, CancellationScope.current().cancelRequested]));
  await cutOver(run);
  run.enter('retiring');
  const others = (await versionsBeside(run)).filter(({ state }) => state !== 'revoked');
  for (const { generation, leaked } of others) if (leaked) await revokeLeaked(run, generation, moment);
  // Whoever is still behind does not hold up the proof.
  await Promise.all([handing, proveLeakedDead(run)]);
  for (const { generation, leaked } of others) if (!leaked) await revokeConfirmed(run, generation);
}

/** Behind the point of no return: what became of it, orphans, the end. */
export async function endLeak(run: Run, memory: OverlapMemory): Promise<RunReport> {
  await recordLeak(run, null, true);
  const alive = await proveLeakedDead(run);
  if (alive.length > 0)
    run.remark(`generation ${alive.join(', ')} is not proved to be dead: it is still accepted somewhere, or nobody could ask`);
  await pausePoint(run);
  run.enter('closing');
  await removeOrphans(run, memory.minted);
  return run.close('completed');
}
