/**
 * Owns the order in which a leak is contained: the leaked key dies now, and whoever is refused by
 * that is handed another one. Nothing looks whether it is used.
 */
import { CancellationScope } from '@temporalio/workflow';
import { effectsAtStore } from './activity-options.js';
import type { OverlapMemory } from './compensate-overlap.js';
import { codeOf } from './failures.js';
import { onceLet, pausePoint } from './run/gates.js';
import type { Run } from './run/run.js';
import { revokeConfirmed } from './steps/end-leaked.js';
import { mint, prove } from './steps/mint.js';
import { refusals } from './steps/retire.js';
import { cutOver, handOutToAll, prepareUrgently, proveLeakedDead, versionsBeside } from './steps/urgent.js';

export async function contain(run: Run, memory: OverlapMemory): Promise<void> {
  const { replacesFirst } = await prepareUrgently(run);
  if (replacesFirst) await mint(run, memory);
  run.enter('containing');
  let killed = run.crossing !== null;
  for (const { generation, state, leaked } of await versionsBeside(run)) {
    if (!leaked) continue;
    if (state !== 'disabled' && state !== 'revoked') await kill(run, generation, false, killed);
    killed = true;
  }
  // Proved side by side with what follows: whoever is refused waits for nothing else.
  const replacing = replace(run, memory, replacesFirst);
  await Promise.all([proveLeakedDead(run, (generation) => kill(run, generation, true)), replacing]);
  run.enter('retiring');
  for (const { generation, state, leaked } of await versionsBeside(run))
    if (state !== 'revoked') await (leaked ? kill(run, generation, true) : revokeConfirmed(run, generation));
}

async function replace(run: Run, memory: OverlapMemory, minted: boolean): Promise<void> {
  if (!minted) await mint(run, memory);
  await prove(run);
  run.enter('distributing');
  await pausePoint(run);
  await run.beginHandOut(false);
  memory.distributed = true;
  await handOutToAll(run);
  await cutOver(run);
}

/**
 * From here on there is no way back: what was switched off for a leak stays off. `killed`: another
 * key, or this one, was taken away before.
 */
async function kill(run: Run, target: number, final: boolean, killed = true): Promise<void> {
  const key = `contain/${target}${final ? '-for-good' : ''}`;
  await run.cross(key);
  const step = () => run.step('contain', key);
  try {
    await onceLet(run, 'take-away', () =>
      CancellationScope.nonCancellable(() =>
        run.recorded(effectsAtStore(run.spec.store).containVersion({ step: step(), target, final })),
      ),
    );
  } catch (error) {
    if (refusals.includes(codeOf(error) ?? '') && !killed) run.uncross();
    throw error;
  }
}
