/** Owns pausing, resuming and stopping an incident: an update of its workflow. */
import { randomUUID } from 'node:crypto';
import { haltUpdate, type IncidentOrder, type IncidentReport, incidentWorkflowId, mainQueue } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { HaltRequest } from '../../workflows/domain/incident.js';
import type { Who } from '../../workflows/domain/who.js';
import { executeUpdateWithStart } from '../messages.js';
import type { Access } from './access.js';

export interface HaltInput extends Pick<HaltRequest, 'to' | 'reason'> {
  readonly number: number;
}

/** Heard although its workflow was lost: then one is started that carries it on. */
export async function haltIncident(who: Who, access: Access, { number, to, reason }: HaltInput): Promise<IncidentReport> {
  const { state } = await access.readLedger((view) => view.incident(number));
  if (state === 'closed' || state === 'stopped') throw new RekeyError('KR_VERB_ILLEGAL', `incident ${number} is ${state}`);
  const order: IncidentOrder = { id: randomUUID(), number, by: who, plan: null };
  const workflow = { of: 'answerIncident', id: order.id, body: order };
  const options = { workflowId: incidentWorkflowId(number), taskQueue: mainQueue, workflowTaskTimeout: '2s' } as const;
  return access.callTemporal((client) => executeUpdateWithStart(client, haltUpdate, { to, by: who, reason }, workflow, options));
}
