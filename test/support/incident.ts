/** Owns how tests open an incident and stop it, as the command line would, on a busy machine. */
import type { WorkflowHandle } from '@temporalio/client';
import { findInstallation } from '../../client/environment.js';
import { Access } from '../../client/operations/access.js';
import { haltIncident } from '../../client/operations/halt-incident.js';
import { openIncident } from '../../client/operations/open-incident.js';
import { planIncidentOf } from '../../client/operations/plan-incident.js';
import { incidentWorkflowId } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Selection, Way } from '../../workflows/domain/incident.js';
import type { Lane } from './lane.js';
import { tester } from './who.js';

export interface OpenedIncident {
  readonly id: string;
  readonly number: number;
  readonly handle: WorkflowHandle;
}

/** Over keys by their names: the one that is served now, or `name#generation`. */
export function openOver(lane: Lane, way: Way, names: readonly string[]): Promise<OpenedIncident> {
  return withAccessTo(lane, async (access) => {
    const selection: readonly Selection[] = [{ by: 'key', names }];
    const planned = await planIncidentOf(tester, access, {
      selection,
      way,
      revokeWithin: null,
      leakedAt: new Map(),
      isRead: false,
    });
    const keys = planned.keys.map(({ credential, generation }) => ({ credential, generation, leakedAt: null, reportedAt: null }));
    const found = { unknownValues: 0, notComparable: 0 };
    const plan = { way, reason: 'a test', revokeWithin: null, selection, found, keys };
    const { id, number } = await openIncident(tester, access, { plan });
    return { id, number, handle: lane.client.workflow.getHandle(incidentWorkflowId(number)) };
  });
}

/** Nothing of it is begun any more, once this has answered. */
export const stopIncident = (lane: Lane, { number }: OpenedIncident): Promise<unknown> =>
  withAccessTo(lane, (access) => haltIncident(tester, access, { number, to: 'stopped', reason: 'a test' }));

/**
 * Both services are reached before anything is asked of them: a person would say it again, where
 * one did not answer in its second.
 */
async function withAccessTo<Result>(lane: Lane, operate: (access: Access) => Promise<Result>): Promise<Result> {
  const access = new Access(() => findInstallation(lane.environment));
  try {
    await lane.until('both services to answer', () =>
      Promise.all([access.readLedger((view) => view.incidents()), access.callTemporal(async () => undefined)]).then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof RekeyError && error.code === 'KR_SERVICE_AWAY')) throw error;
          return false;
        },
      ),
    );
    return await operate(access);
  } finally {
    await access.close();
  }
}
