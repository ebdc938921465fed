/**
 * Owns the start of everything that is a run in the ledger: one that asks for the same as the run
 * that is open joins it, and any other is refused.
 */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  type JoinReceipt,
  joinUpdate,
  mainQueue,
  type RunOrder,
  rotationWorkflowId,
  workflowOf,
} from '../../workflows/contract.js';
import type { RunOptions } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Sequence } from '../../workflows/domain/states.js';
import type { Who } from '../../workflows/domain/who.js';
import { executeUpdateWithStart } from '../messages.js';
import type { Access } from './access.js';

/** How long whoever asks waits for a worker that takes the run up. */
export interface Patience {
  /**
   * As long as it takes; it is called once after ten seconds. Where it is missing, nobody waits
   * longer than that: KR_SERVICE_AWAY. The run begins all the same.
   */
  readonly onUnserved?: (detail: string) => void;
}

/** Milliseconds for a worker to take a run up; one that serves needs a fraction of a second. */
const servedWithin = 10_000;
const unserved = `no worker took the rotation up in ${servedWithin / 1_000} s; it will begin as soon as one serves`;

export async function startRun(
  who: Who,
  access: Access,
  { credential, options }: { readonly credential: string; readonly options: RunOptions },
  patience: Patience = {},
): Promise<JoinReceipt> {
  const { strategy } = await access.readLedger((view) => view.credential(credential));
  const order: RunOrder = { id: randomUUID(), credential, options, by: who };
  return access.callTemporal((client) => join(client, order, options.update ? 'update' : strategy, patience));
}

async function join(client: Client, order: RunOrder, sequence: Sequence, { onUnserved }: Patience): Promise<JoinReceipt> {
  const workflowId = rotationWorkflowId(order.credential);
  const { id, options } = order;
  const workflow = { of: workflowOf[sequence], id, body: order };
  const starting = {
    workflowId,
    taskQueue: mainQueue,
    // The next task of a workflow whose worker just died is given to another after this.
    workflowTaskTimeout: '2s',
    staticSummary: `${options.update ? 'changes the key of' : 'rotates'} ${order.credential}`,
  } as const;
  const late = new AbortController();
  const timer = setTimeout(() => (onUnserved ? onUnserved(unserved) : late.abort()), servedWithin);
  try {
    return await client.withAbortSignal(late.signal, () =>
      executeUpdateWithStart(client, joinUpdate, { options }, workflow, starting),
    );
  } catch (error) {
    if (!late.signal.aborted) throw error;
    // Nothing is promised that Temporal does not know of.
    await client.workflow.getHandle(workflowId).describe();
    throw new RekeyError('KR_SERVICE_AWAY', unserved);
  } finally {
    clearTimeout(timer);
  }
}
