/**
 * Owns bringing back what somebody has stopped in Temporal: schedules are made again and go on, and
 * a workflow that will not go on is ended, so that the sweep takes its run over from the ledger.
 */
import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import type { Runs } from '../activities/ports/runs.js';
import { mainQueue, rotationWorkflowId, workflowOf } from '../workflows/contract.js';
import { type Shown, whyStopped } from '../workflows/domain/watch.js';
import { log } from './logger.js';
import { restoreSchedules } from './schedules.js';

const ours = { workflows: Object.values(workflowOf), taskQueue: mainQueue };

/** What runs under an id that is a run's, and is none. */
const squatters = [
  `ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${rotationWorkflowId('')}'`,
  `(TaskQueue != '${mainQueue}' OR WorkflowType NOT IN (${ours.workflows.map((name) => `'${name}'`).join(', ')}))`,
].join(' AND ');

export async function lookAfter(client: Client, ledger: Pick<Runs, 'openRuns' | 'report'>): Promise<void> {
  await restoreSchedules(client);
  const credentials = (await ledger.openRuns()).map(({ credential }) => credential);
  for await (const { workflowId } of client.workflow.list({ query: squatters }))
    credentials.push(workflowId.slice(rotationWorkflowId('').length));
  for (const credential of new Set(credentials)) {
    const why = await endStopped(client, credential);
    if (!why) continue;
    log.warn({ credential }, `the workflow of a rotation was ended, since ${why}`);
    await ledger.report(credential, why);
  }
}

/** Why it was ended; null where nothing had to be. */
async function endStopped(client: Client, credential: string): Promise<string | null> {
  const handle = client.workflow.getHandle(rotationWorkflowId(credential));
  try {
    const why = whyStoppedNow(await handle.describe());
    if (why) await handle.terminate(`${why}; the rotation goes on from the ledger`);
    return why;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function whyStoppedNow({ type, taskQueue, status, raw }: WorkflowExecutionDescription): string | null {
  const paused = (status.name as string) === 'PAUSED';
  if (status.name !== 'RUNNING' && !paused) return null;
  const shown: Shown = {
    workflow: type,
    taskQueue,
    paused,
    taskAttempt: raw.pendingWorkflowTask?.attempt ?? 0,
    activities: (raw.pendingActivities ?? []).map((activity) => ({
      paused: activity.paused ?? false,
      nextIn: Number(activity.nextAttemptScheduleTime?.seconds ?? 0) * 1_000 - Date.now(),
    })),
  };
  return whyStopped(shown, ours);
}
