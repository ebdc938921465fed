/**
 * Owns how a workflow holds a run: opened or taken over, run to its end, and opened once more where
 * the ledger says something else than the workflow remembers.
 */
import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import { localLedger } from '../activity-options.js';
import type { RunOrder, RunReport } from '../contract.js';
import type { OpenRequest } from '../domain/records.js';
import { codeOf } from '../failures.js';
import { orRefused } from './end.js';
import { answerJoins } from './join.js';
import { Run } from './run.js';

/**
 * Opens the rotation, or takes over the one that is open, and runs it. A cancel from Temporal's own
 * tools proves nothing of who sent it: it is told, and not obeyed.
 */
export async function holdRun(order: RunOrder, way: (run: Run) => Promise<RunReport>): Promise<RunReport> {
  const root = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const request = { ...order, workflowRun: workflowInfo().runId };
    const open = async (asked: OpenRequest) => new Run(await localLedger.openRun(asked));
    let run = await answerJoins(order, open(request));
    const cancelled = 'a cancel from Temporal, which is not obeyed; `rekey abort` is the way';
    root.cancelRequested.catch(() => localLedger.report({ credential: order.credential, what: cancelled }));
    for (;;) {
      try {
        return await orRefused(run, () => way(run));
      } catch (error) {
        const code = codeOf(error);
        if (code === 'KR_LEDGER_BEHIND') await run.reconcile();
        else if (code === 'KR_FENCED') {
          // This workflow may hold it still: it turned back in a task that was lost with its
          // worker, and an attempt on the way forward failed before the task was given out again.
          await run.settled();
          run = await answerJoins(order, open({ ...request, onlyIf: 'held' }));
        } else throw error;
      }
    }
  });
}
