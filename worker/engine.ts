/** Owns what an activity may do to a workflow, over a connection that is opened when needed. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Engine } from '../activities/ports/engine.js';
import { connect } from '../client/connection.js';
import type { Installation } from '../client/environment.js';
import { rotationWorkflowId } from '../workflows/contract.js';

/** The most that Temporal lists in one answer. */
const pageSize = 1_000;

export function engineOf(installation: Installation): Engine {
  let connected: ReturnType<typeof connect> | null = null;
  const client = async (): Promise<Client> => {
    connected ??= connect(installation);
    const opened = await connected.catch((error: unknown) => {
      connected = null;
      throw error;
    });
    return opened.client;
  };
  return {
    async endRun(credential, why) {
      try {
        await (await client()).workflow.getHandle(rotationWorkflowId(credential)).terminate(why);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },

    async credentialsUnderway() {
      const prefix = rotationWorkflowId('');
      const query = `ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${prefix}'`;
      const found = new Set<string>();
      for await (const { workflowId } of (await client()).workflow.list({ query, pageSize }))
        found.add(workflowId.slice(prefix.length));
      return found;
    },
  };
}
