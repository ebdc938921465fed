/**
 * Owns the starting of rotations by rekey itself: what is due, and what is open and runs no more.
 * Both are fired by a Temporal Schedule.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild, uuid4 } from '@temporalio/workflow';
import { localLedger } from './activity-options.js';
import { mainQueue, type RunOrder, rotationWorkflowId, workflowOf } from './contract.js';
import { enclose } from './domain/envelope.js';
import type { OpenOrder } from './domain/records.js';
import { schedule, system, type Who } from './domain/who.js';

/** Starts what is due and inside its window. */
export async function startDueRotations(): Promise<void> {
  await launchAll(await localLedger.dueRotations(), schedule, 'due');
}

/**
 * Starts what is open in the ledger and has no workflow any more: it was terminated, or Temporal
 * has lost it. The rotation goes on in its recorded direction.
 */
export async function sweep(): Promise<void> {
  await launchAll(await localLedger.openRuns(), system('sweep'), 'open');
}

/**
 * What was read may have changed by the time that a rotation begins: `onlyIf` is asked again then.
 */
async function launchAll(orders: readonly OpenOrder[], by: Who, onlyIf: 'open' | 'due'): Promise<void> {
  for (const order of orders) await launch(order, by, onlyIf);
}

/** False when it runs already: one id per credential is the mutex, also against ourselves. */
export async function launch({ credential, sequence, options }: OpenOrder, by: Who, onlyIf?: 'open' | 'due'): Promise<boolean> {
  const order: RunOrder = { id: uuid4(), credential, options, by, ...(onlyIf ? { onlyIf } : {}) };
  const workflow = workflowOf[sequence];
  try {
    await startChild(workflow, {
      workflowId: rotationWorkflowId(credential),
      taskQueue: mainQueue,
      workflowTaskTimeout: '2s',
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${options.update ? 'changes the key of' : 'rotates'} ${credential}`,
      args: [enclose('start', workflow, order.id, [order])],
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
