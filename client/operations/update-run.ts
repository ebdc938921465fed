/** Owns sending an update to a run until it is heard. */
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { RekeyError } from '../../workflows/domain/errors.js';
import { untilHeard } from '../heard.js';
import { executeUpdate, isAnsweredByEnd } from '../messages.js';

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
  try {
    return await untilHeard(() => executeUpdate(handle, update, request, updateId));
  } catch (error) {
    throw isAnsweredByEnd(error) ? new RekeyError('KR_SERVICE_AWAY', ended) : error;
  }
}
