/**
 * Owns the starting by rekey itself: rotations that are due, and runs and incidents that are open
 * and run no more.
 * Both are fired by a Temporal Schedule.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  ChildWorkflowFailure,
  type ChildWorkflowHandle,
  ParentClosePolicy,
  startChild,
  uuid4,
} from '@temporalio/workflow';
import { ledger, localLedger } from './activity-options.js';
import { type IncidentOrder, incidentWorkflowId, mainQueue, type RunOrder, rotationWorkflowId, workflowOf } from './contract.js';
import { type Envelope, enclose, isProved } from './domain/envelope.js';
import type { OpenOrder } from './domain/records.js';
import { schedule, system, type Who } from './domain/who.js';
import { codeOf, messageOf } from './failures.js';

/** Starts what is due and inside its window. */
export async function startDueRotations(): Promise<void> {
  await launchAll(await localLedger.dueRotations(), schedule, 'due');
}

/**
 * Starts what is open in the ledger and has no workflow any more: it was terminated, or Temporal
 * has lost it. The rotation goes on in its recorded direction.
 */
export async function sweep(): Promise<void> {
  await launchAll(await ledger.lostRuns({}), system('sweep'), 'open');
  for (const number of await localLedger.openIncidents()) await carryOn(number);
}

/** An incident goes on from its rows; where its workflow runs, nothing happens. */
async function carryOn(number: number): Promise<void> {
  const order: IncidentOrder = { id: uuid4(), number, by: system('sweep'), plan: null };
  const args: [Envelope] = [enclose('start', 'answerIncident', order.id, [order])];
  await underOneId('answerIncident', { ...lasting, workflowId: incidentWorkflowId(number), args });
}

/**
 * What was read may have changed by the time that a rotation begins: `onlyIf` is asked again then.
 */
async function launchAll(orders: readonly OpenOrder[], by: Who, onlyIf: 'open' | 'due'): Promise<void> {
  for (const order of orders) await launch(order, by, onlyIf);
}

/** False when it runs already: one id per credential is the mutex, also against ourselves. */
export async function launch(order: OpenOrder, by: Who, onlyIf?: 'open' | 'due'): Promise<boolean> {
  return (await begin(order, by, onlyIf)) !== null;
}

/** Null when it runs already. */
export async function begin(
  { credential, sequence, options }: OpenOrder,
  by: Who,
  onlyIf?: 'open' | 'due',
): Promise<Begun | null> {
  const order: RunOrder = { id: uuid4(), credential, options, by, ...(onlyIf ? { onlyIf } : {}) };
  const workflow = workflowOf[sequence];
  const child = await underOneId(workflow, {
    ...lasting,
    workflowId: rotationWorkflowId(credential),
    staticSummary: `${options.update ? 'changes the key of' : 'rotates'} ${credential}`,
    args: [enclose('start', workflow, order.id, [order])],
  });
  return child && { ended: () => whyUnopened(child, { of: workflow, nonce: order.id }) };
}

export interface Begun {
  /** Why it could not even be opened; null: what became of it stands in the ledger. */
  ended(): Promise<string | null>;
}

/**
 * A workflow that was ended from outside, or overtaken by another one, says nothing of its run; and
 * nothing does that is not sealed.
 */
async function whyUnopened(child: Child, request: { readonly of: string; readonly nonce: string }): Promise<string | null> {
  try {
    await child.result();
    return null;
  } catch (error) {
    const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
    if (!(cause instanceof ApplicationFailure)) return null;
    const { type, message, details } = cause;
    if (!isProved(request, { message, ...(type && { type }), ...(details && { details }) })) return null;
    return saysNothing.includes(codeOf(cause) ?? '') ? null : messageOf(cause);
  }
}

const saysNothing: readonly string[] = ['KR_FENCED', 'KR_LEDGER_BEHIND', 'KR_NOT_CALLED_FOR', 'KR_ALREADY_OPEN'];

type Child = ChildWorkflowHandle<(message: Envelope) => Promise<unknown>>;

/** It outlives whoever began it. */
const lasting = {
  taskQueue: mainQueue,
  workflowTaskTimeout: '2s',
  parentClosePolicy: ParentClosePolicy.ABANDON,
} as const;

async function underOneId(
  workflow: string,
  options: typeof lasting & { workflowId: string; args: [Envelope]; staticSummary?: string },
): Promise<Child | null> {
  try {
    return await startChild<(message: Envelope) => Promise<unknown>>(workflow, options);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}
