/** An update that nobody has heard is sent again as the same one. */

import {
  type Client,
  ServiceError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import { executeUpdateWithStart } from '../../../client/messages.js';
import { updateRun } from '../../../client/operations/update-run.js';
import { haltUpdate, verbUpdates } from '../../../workflows/contract.js';
import { enclose } from '../../../workflows/domain/envelope.js';
import { tester } from '../../support/who.js';

const request = { run: 'a#2', by: tester, expectedPhase: null, wait: null, reason: null, consumer: null };
const refused = (code: number) =>
  new ServiceError('Workflow Update failed', {
    cause: Object.assign(new Error('the task is in failed state'), { code, details: '', metadata: {} }),
  });

/** Answers with the errors in turn, then with a receipt. */
function handleOf(...errors: readonly Error[]) {
  const ids: string[] = [];
  const executeUpdate = async (_: unknown, { updateId }: { updateId: string }) => {
    const error = errors[ids.push(updateId) - 1];
    if (error) throw error;
    return enclose('answer', 'abort', updateId, { run: 'a#2', phase: 'draining' });
  };
  return { handle: { executeUpdate } as unknown as WorkflowHandle, ids };
}

it('is heard once a worker has the task again', async () => {
  const { handle, ids } = handleOf(refused(9));
  expect(await updateRun(handle, verbUpdates.abort, request)).toMatchObject({ run: 'a#2' });
  expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
});

it('is heard beside a start, too, and is the same one', async () => {
  const ids: string[] = [];
  const heard = async (_: unknown, { updateId }: { updateId: string }) => {
    // The SDK hands on what Temporal said of the update alone.
    if (ids.push(updateId) === 1) throw refused(9).cause;
    return enclose('answer', haltUpdate.name, updateId, { incident: 'incident-1' });
  };
  const client = { workflow: { executeUpdateWithStart: heard } } as unknown as Client;
  const asked = { incident: 'incident-1', to: 'stopped', by: tester, reason: null } as const;
  const workflow = { of: 'answerIncident', id: 'an-order', body: {} };
  const starting = { workflowId: 'incident/1', taskQueue: 'rekey' };
  expect(await executeUpdateWithStart(client, haltUpdate, asked, workflow, starting)).toEqual({ incident: 'incident-1' });
  expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
});

it.each([
  ['a rejection', new Error('the rotation is closing')],
  ['a Temporal that is away', refused(14)],
])('%s is told at once', async (_, error) => {
  const { handle, ids } = handleOf(error);
  await expect(updateRun(handle, verbUpdates.abort, request)).rejects.toBe(error);
  expect(ids.length).toBe(1);
});

it.each([
  [
    'ended with it',
    new WorkflowUpdateFailedError('failed', ApplicationFailure.nonRetryable('it completed', 'AcceptedUpdateCompletedWorkflow')),
  ],
  ['had ended before', new WorkflowNotFoundError('workflow execution already completed', 'rotation/a', undefined)],
])('a workflow that %s answers nothing, and is no stranger', async (_, error) => {
  const { handle, ids } = handleOf(error);
  await expect(updateRun(handle, verbUpdates.abort, request)).rejects.toMatchObject({ code: 'KR_SERVICE_AWAY' });
  expect(ids.length).toBe(1);
});
