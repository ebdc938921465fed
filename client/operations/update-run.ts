/**
 * Owns sending an update to a run until it is heard. A worker that dies, or is too busy, leaves the
 * workflow's task to another one, and Temporal refuses updates meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError, type WorkflowHandle } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { executeUpdate } from '../messages.js';

/** How often, and after how many milliseconds, an update is sent again that nobody has heard. */
const mostTries = 10;
const triesApart = 1_000;
/** FAILED_PRECONDITION of google.rpc.Code. */
const failedPrecondition = 9;

/** The same id is one update, and one verb in the ledger, however often it is sent. */
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
      if (!isUnheard(error) || tries === mostTries) throw error;
      await pause(triesApart);
    }
  }
}

const isUnheard = (error: unknown): boolean =>
  error instanceof ServiceError && isGrpcServiceError(error.cause) && error.cause.code === failedPrecondition;
