/** Owns taking a configuration over, and the keys that it names: through a workflow. */
import { randomUUID } from 'node:crypto';
import { type ApplyReport, applyWorkflowId, mainQueue } from '../../workflows/contract.js';
import type { Configuration } from '../../workflows/domain/configuration.js';
import type { Who } from '../../workflows/domain/who.js';
import { executeWorkflow } from '../messages.js';
import type { Access } from './access.js';

export interface ApplyInput {
  readonly configuration: Configuration;
  readonly hash: string;
}

export function applyConfiguration(who: Who, access: Access, { configuration, hash }: ApplyInput): Promise<ApplyReport> {
  const order = { id: randomUUID(), configuration, hash, by: who };
  return access.callTemporal((client) =>
    executeWorkflow<ApplyReport>(client, 'applyConfiguration', order, {
      workflowId: applyWorkflowId,
      taskQueue: mainQueue,
      workflowTaskTimeout: '2s',
    }),
  );
}
