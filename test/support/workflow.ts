/**
 * Owns the workflow of a rotation as tests find it: a sweep that comes too late begins another one
 * under the same id, which ends at once.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { rotationWorkflowId } from '../../workflows/contract.js';
import type { Lane } from './lane.js';

/** Of the newest rotation. */
export async function workflowIn(lane: Lane, credential: string): Promise<WorkflowHandle> {
  const run = await lane.rotation(credential);
  return lane.client.workflow.getHandle(rotationWorkflowId(credential), run?.workflow_run);
}
