/**
 * Owns the starting of rotations by rekey itself: what is due, and what is open and runs no more.
 * Both are fired by a Temporal Schedule.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { localLedger } from './activity-options.js';
import { mainQueue, type RunOrder, rotationWorkflowId, workflowOf } from './contract.js';
import type { OpenOrder } from './domain/records.js';
import { schedule, system, type Who } from './domain/who.js';

/** Starts what is due and inside its window; answers with the credentials. */
export async function startDueRotations(): Promise<readonly string[]> {
  return launchAll(await localLedger.dueRotations(), schedule, 'due');
}

/**
 * Starts what is open in the ledger and has no workflow any more: it was terminated, or Temporal
 * has lost it. The rotation goes on in its recorded direction.
 */
export async function sweep(): Promise<readonly string[]> {
  return launchAll(await localLedger.openRuns(), system('sweep'), 'open');
}

/**
 * What was read may have changed by the time that a rotation begins: `onlyIf` is asked again then.
 */
async function launchAll(orders: readonly OpenOrder[], by: Who, onlyIf: 'open' | 'due'): Promise<readonly string[]> {
  const started: string[] = [];
  for (const order of orders) if (await launch(order, by, onlyIf)) started.push(order.credential);
  return started;
}

/** False when it runs already: one id per credential is the mutex, also against ourselves. */
export async function launch({ credential, sequence, options }: OpenOrder, by: Who, onlyIf?: 'open' | 'due'): Promise<boolean> {
  const order: RunOrder = { credential, options, by, ...(onlyIf ? { onlyIf } : {}) };
  try {
    await startChild(workflowOf[sequence], {
      workflowId: rotationWorkflowId(credential),
      taskQueue: mainQueue,
      workflowTaskTimeout: '2s',
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${options.update ? 'changes the key of' : 'rotates'} ${credential}`,
      args: [order],
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
