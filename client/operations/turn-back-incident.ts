/** Owns turning back the runs of an incident that was stopped, as far as they may still turn. */
import { rotationWorkflowId, verbUpdates } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { incidentId } from '../../workflows/domain/incident.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { updateRun } from './update-run.js';

export interface TurnedRun {
  readonly run: string;
  /** Null: it turns back. Else why not. */
  readonly whyNot: string | null;
}

/**
 * Says abort to each, whatever phase it is in: the run judges it, and its ledger once more. Throws
 * KR_VERB_ILLEGAL while the incident is not stopped: it would begin them again.
 */
export async function turnBackIncident(
  who: Who,
  access: Access,
  { number, reason }: { readonly number: number; readonly reason: string | null },
): Promise<readonly TurnedRun[]> {
  const { state } = await access.readLedger((view) => view.incident(number));
  if (state !== 'stopped') throw new RekeyError('KR_VERB_ILLEGAL', `incident ${number} is ${state}`);
  const runs = await access.readLedger((view) => view.openRunsOf(incidentId(number)));
  const why = `${incidentId(number)} was stopped${reason ? `: ${reason}` : ''}`;
  return Promise.all(
    runs.map(async ({ id, credential }) => {
      const request = { by: who, run: id, expectedPhase: null, wait: null, reason: why, consumer: null };
      try {
        await access.callTemporal((client) =>
          updateRun(client.workflow.getHandle(rotationWorkflowId(credential)), verbUpdates.abort, request),
        );
        return { run: id, whyNot: null };
      } catch (error) {
        if (!(error instanceof RekeyError)) throw error;
        return { run: id, whyNot: `${error.code}: ${error.message}` };
      }
    }),
  );
}
