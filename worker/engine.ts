/** Owns what an activity may do to a workflow, over a connection that is opened when needed. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Engine } from '../activities/ports/engine.js';
import { connect } from '../client/connection.js';
import type { Installation } from '../client/environment.js';
import { rotationWorkflowId } from '../workflows/contract.js';

export function engineOf(installation: Installation): Engine {
  let connected: ReturnType<typeof connect> | null = null;
  return {
    async endRun(credential, why) {
      connected ??= connect(installation);
      const { client } = await connected.catch((error: unknown) => {
        connected = null;
        throw error;
      });
      try {
        await client.workflow.getHandle(rotationWorkflowId(credential)).terminate(why);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
