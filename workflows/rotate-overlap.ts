/** Owns the order of an overlap rotation: nothing is taken away before everyone has proved to be on the new version. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { atStore, books, effectsAtStore } from './activity-options.js';
import { compensateOverlap } from './compensate-overlap.js';
import type { RotationOrder, RotationReport } from './contract.js';
import { planWaves } from './domain/waves.js';
import { codeOf, Turned } from './failures.js';
import { Run } from './run.js';
import { handOut, look, preflightHosts } from './steps.js';

export function rotateOverlap(order: RotationOrder): Promise<RotationReport> {
  return Run.of(order, async (run) => {
    try {
      const refused = await run.forward(() => replace(run));
      if (refused) return refused;
    } catch (reason) {
      if (!(reason instanceof Turned)) throw reason;
      await run.turnBack(reason.message);
      return compensateOverlap(run); // the one way back; beyond `replace` there is none
    }
    return finish(run);
  });
}

/** Everything up to the revoke of the old version; null when it is done, a report when preflight refused. */
async function replace(run: Run): Promise<RotationReport | null> {
  const refused = await prepare(run);
  if (refused) return refused;

  const store = run.spec.store;
  await run.recorded(effectsAtStore(store).mintVersion({ step: run.step('mint') }));
  await atStore(store).proveVersion({ step: run.step('prove') });

  run.enter('distributing');
  for (const wave of planWaves(run.required, run.spec.rollout)) {
    await handOut(run, wave.consumers, run.row.generation, `wave-${wave.number}`);
    await run.bake(run.spec.rollout.bake);
  }
  for (let round = run.row.round; ; round++) {
    await run.recorded(books.cutOver({ step: run.step('cut-over', `cut-over/${round}`) }));
    run.enter('draining');
    // Behind the intent of a revoke there is nothing left to wait for: the step itself looks what became of it.
    if (!run.beyond) {
      await drained(run, round);
      await run.pass('take-away');
    }
    run.enter('retiring');
    if (await revoked(run, round)) return null;
    // A guard found somebody behind: that consumer is handed the new version again, and the old one has to be quiet anew.
    await run.newRound(round + 1, 'a guard found a consumer behind');
    run.enter('distributing');
    await handOut(run, run.required, run.row.generation, `round-${round + 1}`);
  }
}

/** Looks before the first change; all that speaks against it is told at once. */
async function prepare(run: Run): Promise<RotationReport | null> {
  run.enter('preparing');
  const atTheStore = await atStore(run.spec.store).preflightStore({ step: run.step('preflight') });
  const atTheHosts = await preflightHosts(run, atTheStore.usedBy);
  const findings = [...atTheStore.findings, ...atTheHosts.findings];
  // A rotation that was taken over has changed things already: then a finding is for a person, and compensation the way out.
  if (findings.length > 0 && run.row.targets === null) return run.refuse(findings);
  if (run.row.targets === null) run.targets = atTheHosts.consumers;
  await run.recorded(books.freezePlan({ step: run.step('plan'), targets: run.targets }));
  await run.pass('start');
  return null;
}

/** Waits until the old version is quiet; expedite asks again at once, without grace. */
async function drained(run: Run, round: number): Promise<void> {
  for (let expedited = run.operator.expedited; ; expedited = true) {
    const waiting = new CancellationScope();
    const hurry = expedited ? null : run.operator.whenExpedited().then(() => waiting.cancel());
    hurry?.catch(() => undefined);
    try {
      return await waiting.run(() => atStore(run.spec.store).drain({ step: run.step('drain', `drain/${round}`) }));
    } catch (error) {
      if (!isCancellation(error) || !run.operator.expedited || expedited) throw error;
    }
  }
}

/** Refusals of the revoke's own guard, each with its intent closed as not sent. */
const guards: readonly string[] = ['KR_GUARD_STALE', 'KR_GUARD_REFUSED', 'KR_TARGET_CHANGED'];

/** Revokes the old version; false when the guard says that a consumer is behind. Nothing is sent unless the guard agrees. */
async function revoked(run: Run, round: number): Promise<boolean> {
  for (;;) {
    await run.pausePoint();
    await look(run, run.required);
    run.passReturn();
    try {
      await CancellationScope.nonCancellable(() =>
        run.recorded(
          effectsAtStore(run.spec.store).revokeVersion({
            step: run.step('revoke', `revoke/${round}`),
            going: run.row.previousGeneration!,
            staying: run.row.generation,
          }),
        ),
      );
      return true;
    } catch (error) {
      // Only a guard knows that nothing was sent; any other failure leaves the point of no return behind us.
      if (!guards.includes(codeOf(error) ?? '')) throw error;
      run.returned();
      if (codeOf(error) === 'KR_GUARD_STALE') continue;
      if (codeOf(error) === 'KR_GUARD_REFUSED') return false;
      throw error;
    }
  }
}

/** After the point of no return: proof of death, strays, the end. */
async function finish(run: Run): Promise<RotationReport> {
  const dead = await run.insist(() => provedDead(run));
  if (!dead)
    run.remark(
      `generation ${run.row.previousGeneration} is still accepted somewhere, longer than the store takes to spread a revocation`,
    );
  run.enter('closing');
  await run.insist(() => atStore(run.spec.store).removeStrays({ step: run.step('remove-strays') }));
  return run.close('completed');
}

/** True when every door refuses the old key, or when an operator does not want to wait for it. */
function provedDead(run: Run): Promise<boolean> {
  return run.operator.skippably('prove-dead', () =>
    CancellationScope.cancellable(async () => {
      const scope = CancellationScope.current();
      const skipped = run.operator.skipped().then(() => scope.cancel());
      skipped.catch(() => undefined);
      try {
        return await atStore(run.spec.store).proveDead({ step: run.step('prove-dead') });
      } catch (error) {
        if (isCancellation(error)) return true;
        throw error;
      } finally {
        scope.cancel();
      }
    }),
  );
}
