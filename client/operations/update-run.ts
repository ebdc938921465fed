/**
 * Owns sending an update to a run until it is heard. A worker that dies, or is too busy, leaves the
 * workflow's task to another one, and Temporal refuses updates meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError, type WorkflowHandle } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { RekeyError } from '../../workflows/domain/errors.js';
import { executeUpdate, isAnsweredByEnd } from '../messages.js';

/** How often, and after how many milliseconds, an update is sent again that nobody has heard. */
const mostTries = 10;
const triesApart = 1_000;
/** FAILED_PRECONDITION of google.rpc.Code. */
const failedPrecondition = 9;

const ended =
  'the rotation, or the workflow that carries it, ended before it answered; `rekey show` tells what became of it, and then say it again';

/**
 * The same id is one update, and one verb in the ledger, however often it is sent. Throws
 * KR_SERVICE_AWAY where the workflow ends before it answers.
 */
export async function updateRun<Result, Request>(
  handle: WorkflowHandle,
  update: UpdateDefinition<Result, [Request]>,
  request: Request,
): Promise<Result> {
  const updateId = randomUUID();
  for (let tries = 1; ; tries++) {
    try {
      return await executeUpdate(handle, update, request, updateId);
    } catch (error) {
      if (isAnsweredByEnd(error)) throw new RekeyError('KR_SERVICE_AWAY', ended);
      if (!isUnheard(error) || tries === mostTries) throw error;
      await pause(triesApart);
    }
  }
}

const isUnheard = (error: unknown): boolean =>
  error instanceof ServiceError && isGrpcServiceError(error.cause) && error.cause.code === failedPrecondition;
