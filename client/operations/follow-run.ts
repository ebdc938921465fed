/**
 * Owns following a run in the ledger until it has ended or needs a person, and what it has cost by
 * then.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { rotationWorkflowId } from '../../workflows/contract.js';
import type { Who } from '../../workflows/domain/who.js';
import { asRekeyError } from '../errors.js';
import type { RunShown, StepShown } from '../ledger/views.js';
import type { Access } from './access.js';

export type RunProgress =
  /** Once for each step. */
  | { readonly kind: 'step-done'; readonly step: StepShown }
  /** Again at every look, while it waits. */
  | { readonly kind: 'waits'; readonly run: RunShown }
  /** The ledger does not answer; it is waited for. */
  | { readonly kind: 'ledger-away'; readonly detail: string };

/** Null where Temporal does not tell. */
interface RunCost {
  readonly activities: number | null;
  readonly historyEvents: number | null;
}

export interface FollowedRun {
  readonly run: RunShown;
  readonly cost: RunCost;
}

export async function followRun(
  _who: Who,
  access: Access,
  { run: id }: { readonly run: string },
  tell: (progress: RunProgress) => void,
): Promise<FollowedRun> {
  const finished = new Set<string>();
  for (; ; await pause(150)) {
    try {
      const run = await access.readLedger(async (view) => {
        const shown = await view.run(id);
        for (const step of await view.steps(id)) {
          if (!step.done || finished.has(step.key)) continue;
          finished.add(step.key);
          tell({ kind: 'step-done', step });
        }
        return shown;
      });
      if (!run.outcome && run.waits_for) tell({ kind: 'waits', run });
      if (run.outcome || run.waits_for?.person) return { run, cost: await costOf(access, run) };
    } catch (error) {
      const fault = asRekeyError(error);
      if (fault.code !== 'KR_SERVICE_AWAY') throw fault;
      tell({ kind: 'ledger-away', detail: fault.detail });
    }
  }
}

async function costOf(access: Access, run: RunShown): Promise<RunCost> {
  try {
    return await access.callTemporal(async (client) => {
      const handle = client.workflow.getHandle(rotationWorkflowId(run.credential), run.workflow_run);
      // The ledger closes a moment before the workflow does.
      if (run.outcome) await Promise.race([handle.result().catch(() => undefined), pause(3_000)]);
      const events = (await handle.fetchHistory()).events ?? [];
      return { activities: events.filter((e) => e.activityTaskScheduledEventAttributes).length, historyEvents: events.length };
    });
  } catch {
    return { activities: null, historyEvents: null };
  }
}
