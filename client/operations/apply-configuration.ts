/** Owns taking a configuration over, and the keys that it names: through a workflow. */
import { type ApplyReport, applyWorkflowId, mainQueue } from '../../workflows/contract.js';
import type { Configuration } from '../../workflows/domain/configuration.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';

export interface ApplyInput {
  readonly configuration: Configuration;
  readonly hash: string;
}

export function applyConfiguration(who: Who, access: Access, { configuration, hash }: ApplyInput): Promise<ApplyReport> {
  return access.callTemporal(
    (client) =>
      client.workflow.execute('applyConfiguration', {
        workflowId: applyWorkflowId,
        taskQueue: mainQueue,
        workflowTaskTimeout: '2s',
        args: [{ configuration, hash, by: who }],
      }) as Promise<ApplyReport>,
  );
}
