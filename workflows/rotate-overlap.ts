/**
 * Owns the order of an overlap rotation: nothing is taken away before everyone has proved to be on
 * the new version.
 */

import { localLedger } from './activity-options.js';
import { answerLeak, endLeak } from './answer-leak.js';
import { compensateOverlap, type OverlapMemory } from './compensate-overlap.js';
import type { RunOrder, RunReport } from './contract.js';
import { planWaves } from './domain/waves.js';
import { RollbackRequested } from './failures.js';
import { passGate, pausePoint } from './run/gates.js';
import { holdRun } from './run/hold.js';
import type { Run } from './run/run.js';
import { bake } from './run/waits.js';
import { distribute } from './steps/distribute.js';
import { mint, prove } from './steps/mint.js';
import { prepare } from './steps/prepare.js';
import { replanned, stayWithNew, supersede } from './steps/replan.js';
import { drain, proveDead, removeOrphans, retire } from './steps/retire.js';

export function rotateOverlap(order: RunOrder): Promise<RunReport> {
  const memory: OverlapMemory = { minted: null, distributed: false };
  return holdRun(order, async (run) => {
    const replan = run.urgency && (await replanned(run));
    if (replan === 'supersede') return supersede(run, memory);
    if (replan === 'keep-new') return stayWithNew(run, memory);
    const hurries = replan === 'hurry';
    try {
      await run.forward(() => {
        if (replan === 'turn-back') throw new RollbackRequested(`generation ${run.generation} has leaked`);
        return hurries ? answerLeak(run, memory) : replace(run, memory);
      });
    } catch (reason) {
      if (!(reason instanceof RollbackRequested)) throw reason;
      await run.startRollback(reason.message);
      return compensateOverlap(run, memory); // no rollback after `replace`
    }
    return hurries ? endLeak(run, memory) : finish(run, memory);
  });
}

/** Everything up to the revoke of the old version. */
async function replace(run: Run, memory: OverlapMemory): Promise<void> {
  const { disables, holdsOldSecret } = await prepare(run);

  await mint(run, memory);
  await prove(run);

  run.enter('distributing');
  await pausePoint(run);
  await run.beginHandOut(holdsOldSecret);
  memory.distributed = true;
  for (const wave of planWaves(run.required, run.spec.rollout)) {
    await distribute(run, wave.consumers, run.generation, `wave-${wave.number}`);
    await bake(run, wave.number, run.spec.rollout.bake);
  }
  for (let { round } = run; ; round++) {
    await run.recorded(localLedger.cutOver({ step: run.step('cut-over', `cut-over/${round}`) }));
    run.enter('draining');
    // Behind the intent of a revoke there is nothing left to wait for: the step itself looks what
    // became of it.
    if (!run.crossing) {
      await drain(run, round);
      await passGate(run, 'take-away');
    }
    run.enter('retiring');
    const old = await retire(run, round, disables);
    if ('done' in old) return;
    // Somebody is behind: everyone is handed the new version again, and the old one has to be quiet
    // anew.
    await run.newRound(round + 1, old.reason);
    run.enter('distributing');
    await distribute(run, run.required, run.generation, `round-${round + 1}`);
  }
}

/** After the point of no return: proof of death, orphans, the end. */
async function finish(run: Run, memory: OverlapMemory): Promise<RunReport> {
  if ((await proveDead(run)) === 'accepted')
    run.remark(
      `generation ${run.row.previousGeneration} is still accepted somewhere, longer than the store takes to spread a revocation`,
    );
  await pausePoint(run);
  run.enter('closing');
  await removeOrphans(run, memory.minted);
  return run.close('completed');
}
