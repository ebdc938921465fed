/**
 * Owns the moment by which a leaked key dies, whoever has not confirmed. It counts only where
 * another key was proved before it: else it passes, and people are told.
 */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { localLedger } from '../activity-options.js';
import type { Run } from '../run/run.js';

export interface Moment {
  /** To be said once there is something in the place of what is to die. */
  replacementProved(): Promise<void>;
  /**
   * Waits, but no longer than until the moment; undefined where that was there first. What is
   * waited for has to end when its scope is cancelled.
   */
  orPassed<Result>(wait: () => Promise<Result>): Promise<Result | undefined>;
}

export function momentOf(run: Run): Moment {
  const { revokeBy } = run.urgency!;
  if (revokeBy === null) return { replacementProved: async () => undefined, orPassed: (wait) => wait() };
  let counts: boolean | null = null;
  // Judged once, at the first of two: another key is proved, or the moment is there.
  const judge = async () => {
    if (counts !== null) return;
    const step = run.step('moment', `moment/${run.urgency!.incident}`);
    const { lapsed } = await run.recorded(localLedger.meetMoment({ step, at: revokeBy }));
    if (counts !== null) return;
    counts = !lapsed;
    if (!lapsed) return;
    const what = `${revokeBy} passed before another key was proved: nothing was revoked by then; contain ends the leaked one anyway`;
    run.remark(what);
    await localLedger.report({ credential: run.row.credential, what });
  };
  const moment = passing(revokeBy).then(judge);
  moment.catch(() => undefined);
  return {
    replacementProved: judge,
    async orPassed(wait) {
      if (!counts) return wait();
      const waiting = new CancellationScope();
      const over = moment.then(() => waiting.cancel());
      over.catch(() => undefined);
      try {
        return await waiting.run(wait);
      } catch (error) {
        if (!waiting.consideredCancelled || !isCancellation(error) || CancellationScope.current().consideredCancelled)
          throw error;
        return undefined;
      }
    },
  };
}

async function passing(at: string): Promise<void> {
  for (;;) {
    const inMs = await localLedger.untilMoment({ at });
    if (inMs === 0) return;
    await sleep(inMs);
  }
}
