/**
 * Owns how a client speaks to workflows: whatever it sends is enclosed, and an answer is believed
 * where it is one to this very request. Nobody else sends anything.
 */
import { randomUUID } from 'node:crypto';
import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure, type QueryDefinition, type UpdateDefinition } from '@temporalio/common';
import { type Envelope, enclose, isProved, open } from '../workflows/domain/envelope.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { untilHeard } from './heard.js';

type Request = Pick<Envelope, 'of' | 'nonce'>;
export type StartOptions = Omit<WorkflowStartOptions, 'args'>;

/** `id`: the order's own, where it has one. */
export async function startWorkflow(
  client: Client,
  of: string,
  body: object,
  options: StartOptions,
  id: string = randomUUID(),
): Promise<WorkflowHandleWithFirstExecutionRunId> {
  const request = { of, nonce: id };
  const handle = await client.workflow.start(of, { ...options, args: [start(request, body)] } as WorkflowStartOptions);
  const result = handle.result.bind(handle);
  return Object.assign(handle, { result: () => answered(request, result()) });
}

export async function executeWorkflow<Result>(client: Client, of: string, body: object, options: StartOptions): Promise<Result> {
  const handle = await startWorkflow(client, of, body, options);
  return handle.result() as Promise<Result>;
}

/** The same id is one update, however often it is sent. */
export function executeUpdate<Result, Body>(
  handle: WorkflowHandle,
  { name }: UpdateDefinition<Result, [Body]>,
  body: Body,
  updateId: string = randomUUID(),
): Promise<Result> {
  const request = { of: name, nonce: updateId };
  return answered(request, handle.executeUpdate(name, { args: [update(request, body)], updateId }));
}

/**
 * Starts a workflow under its id, or joins the one that runs under it, and says something to it
 * until it is heard.
 */
export function executeUpdateWithStart<Result, Body>(
  client: Client,
  { name }: UpdateDefinition<Result, [Body]>,
  body: Body,
  workflow: { readonly of: string; readonly id: string; readonly body: object },
  options: StartOptions,
): Promise<Result> {
  const request = { of: name, nonce: randomUUID() };
  const args = [update(request, body)];
  const updateId = request.nonce;
  const say = () => {
    const startWorkflowOperation = new WithStartWorkflowOperation(workflow.of, {
      ...options,
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [start({ of: workflow.of, nonce: workflow.id }, workflow.body)],
    });
    return client.workflow.executeUpdateWithStart(name, { args, updateId, startWorkflowOperation });
  };
  return answered(request, untilHeard(say));
}

export function queryWorkflow<Result>(handle: WorkflowHandle, { name }: QueryDefinition<Result>): Promise<Result> {
  const request = { of: name, nonce: randomUUID() };
  return answered(request, handle.query(name, enclose('query', name, request.nonce, [])));
}

const start = ({ of, nonce }: Request, body: object) => enclose('start', of, nonce, [body]);
const update = ({ of, nonce }: Request, body: unknown) => enclose('update', of, nonce, [body]);

/** Throws KR_MESSAGE_REFUSED for an answer, or a failure, of somebody who has not our keys. */
async function answered<Result>(request: Request, answering: Promise<unknown>): Promise<Result> {
  const answer = open({ kind: 'answer', ...request }, await answering.catch((error: unknown) => refuse(request, error)));
  if (!answer) throw notOurs(request);
  return answer.body as Result;
}

/** Temporal's own word: the workflow ended before it answered. It says nothing of the update. */
export const isAnsweredByEnd = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError ||
  (error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === 'AcceptedUpdateCompletedWorkflow');

function refuse(request: Request, error: unknown): never {
  const failed = error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError;
  const { cause } = error as { cause?: unknown };
  if (
    !isAnsweredByEnd(error) &&
    failed &&
    cause instanceof ApplicationFailure &&
    !isProved(request, { ...cause, message: cause.message })
  )
    throw notOurs(request);
  throw error;
}

const notOurs = ({ of }: Request) =>
  new RekeyError('KR_MESSAGE_REFUSED', `what answers ${of} has not the keys of this installation`);
