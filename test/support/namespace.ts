/** Owns the namespaces of lanes in the one Temporal server of a run. */
import { randomBytes } from 'node:crypto';
import type { Connection } from '@temporalio/client';

/** A namespace that nobody has used: what an earlier lane left open is not found in it. */
export async function registerNamespace(connection: Connection): Promise<string> {
  const namespace = `lane-${randomBytes(4).toString('hex')}`;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  return namespace;
}
