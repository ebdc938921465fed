/**
 * Owns the order of an overlap rotation: nothing is taken away before everyone has proved to be on
 * the new version.
 */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { atStore, effectsAtStore, localLedger } from './activity-options.js';
import { compensateOverlap, type OverlapMemory } from './compensate-overlap.js';
import type { RunOrder, RunReport } from './contract.js';
import { planWaves } from './domain/waves.js';
import { RollbackRequested } from './failures.js';
import { onceLet, passGate, pausePoint } from './run/gates.js';
import { Run } from './run/run.js';
import { bake, retryUntilOperator } from './run/waits.js';
import { distribute } from './steps/distribute.js';
import { atTheStore } from './steps/manual-effect.js';
import { prepare } from './steps/prepare.js';
import { drain, removeOrphans, retire } from './steps/retire.js';

export function rotateOverlap(order: RunOrder): Promise<RunReport> {
  const memory: OverlapMemory = { minted: null, distributed: false };
  return Run.of(order, async (run) => {
    try {
      await run.forward(() => replace(run, memory));
    } catch (reason) {
      if (!(reason instanceof RollbackRequested)) throw reason;
      await run.startRollback(reason.message);
      return compensateOverlap(run, memory); // no rollback after `replace`
    }
    return finish(run, memory);
  });
}

/** Everything up to the revoke of the old version. */
async function replace(run: Run, memory: OverlapMemory): Promise<void> {
  const { disables, holdsOldSecret } = await prepare(run);

  const store = run.spec.store;
  const { keyId } = await onceLet(run, 'start', () =>
    atTheStore(run, { effect: 'mint', key: 'mint', generation: run.generation }, () =>
      effectsAtStore(store).mintVersion({ step: run.step('mint'), known: memory.minted, delivered: memory.distributed }),
    ),
  );
  memory.minted = keyId;
  const isListed = await atStore(store).proveVersion({ step: run.step('prove') });
  if (isListed) await run.recorded(effectsAtStore(store).copyMemberships({ step: run.step('copy-memberships') }));

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
  const dead = await proveDead(run);
  if (!dead)
    run.remark(
      `generation ${run.row.previousGeneration} is still accepted somewhere, longer than the store takes to spread a revocation`,
    );
  await pausePoint(run);
  run.enter('closing');
  await removeOrphans(run, memory.minted);
  return run.close('completed');
}

/**
 * True when every endpoint refuses the old key, or when an operator does not want to wait for it.
 */
function proveDead(run: Run): Promise<boolean> {
  const prove = () => {
    const proving = new CancellationScope();
    return run.operator.skippably({ kind: 'spread', number: null }, async (skipped) => {
      skipped.then(
        () => proving.cancel(),
        () => undefined,
      );
      try {
        return await proving.run(() => atStore(run.spec.store).proveDead({ step: run.step('prove-dead') }));
      } catch (error) {
        if (isCancellation(error)) return true;
        throw error;
      }
    });
  };
  return retryUntilOperator(run, prove, { leftOut: true });
}
