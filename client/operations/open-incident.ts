/** Owns the beginning of an incident: one workflow under its number, open in the ledger. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { type IncidentOrder, incidentWorkflowId, mainQueue } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { IncidentPlan } from '../../workflows/domain/incident.js';
import type { Who } from '../../workflows/domain/who.js';
import type { IncidentShown } from '../ledger/views.js';
import { startWorkflow } from '../messages.js';
import type { Access } from './access.js';

/** Bytes of a message. */
const longest = 256 * 1024;
/** Milliseconds for a worker to take it up. */
const servedWithin = 10_000;

/** Answers once it is open in the ledger: all of its keys are marked then. */
export async function openIncident(who: Who, access: Access, { plan }: { readonly plan: IncidentPlan }): Promise<IncidentShown> {
  if (Buffer.byteLength(JSON.stringify(plan)) > longest)
    throw new RekeyError('KR_USAGE', `${plan.keys.length} keys are too many for one incident: open several`);
  const last = (await access.readLedger((view) => view.incidents())).at(-1)?.number ?? 0;
  // Somebody else may take the number at the same moment.
  for (let number = last + 1; ; number++) {
    const order: IncidentOrder = { id: randomUUID(), number, by: who, plan };
    try {
      return await begin(access, order);
    } catch (error) {
      if (!(error instanceof RekeyError && error.code === 'KR_ALREADY_OPEN')) throw error;
    }
  }
}

async function begin(access: Access, order: IncidentOrder): Promise<IncidentShown> {
  const { number, id } = order;
  let failed: unknown = null;
  const opened = new AbortController();
  await access.callTemporal(async (client) => {
    const options = { workflowId: incidentWorkflowId(number), taskQueue: mainQueue, workflowTaskTimeout: '2s' } as const;
    const handle = await startWorkflow(client, 'answerIncident', order, options, id).catch((error: unknown) => {
      const isTaken = error instanceof WorkflowExecutionAlreadyStartedError;
      throw isTaken ? new RekeyError('KR_ALREADY_OPEN', `incident ${number} is another one`) : error;
    });
    // Asked for no longer than somebody listens: a connection that is closed under it would throw.
    const result = client.withAbortSignal(opened.signal, () => handle.result());
    result.catch((error: unknown) => {
      failed = error;
    });
  });
  try {
    for (const until = performance.now() + servedWithin; performance.now() < until; await pause(100)) {
      const found = (await access.readLedger((view) => view.incidents())).find((incident) => incident.number === number);
      if (found) return found;
      if (failed) await access.callTemporal(() => Promise.reject(failed));
    }
  } finally {
    opened.abort();
  }
  throw new RekeyError(
    'KR_SERVICE_AWAY',
    `no worker took it up in ${servedWithin / 1_000} s; it will begin as soon as one serves`,
  );
}
