/** Owns looking at incidents: all, one with its keys, and one until it needs nobody more. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Who } from '../../workflows/domain/who.js';
import type { IncidentKeyShown, IncidentShown } from '../ledger/views.js';
import type { Access } from './access.js';

export interface IncidentDetails {
  readonly incident: IncidentShown;
  readonly keys: readonly IncidentKeyShown[];
}

export function listIncidents(_who: Who, access: Access): Promise<readonly IncidentShown[]> {
  return access.readLedger((view) => view.incidents());
}

export function showIncident(_who: Who, access: Access, { number }: { readonly number: number }): Promise<IncidentDetails> {
  return access.readLedger(async (view) => {
    const incident = await view.incident(number);
    return { incident, keys: await view.incidentKeys(incident.id) };
  });
}

/** Until it is over, or nothing of it goes on without a person. */
export async function followIncident(
  who: Who,
  access: Access,
  input: { readonly number: number },
  tell: (shown: IncidentDetails) => void,
): Promise<IncidentDetails> {
  for (; ; await pause(300)) {
    const shown = await showIncident(who, access, input);
    tell(shown);
    const left = shown.keys.filter(({ outcome }) => outcome === null);
    const waits = left.length > 0 && left.every(({ waits_for }) => waits_for?.person);
    if (shown.incident.state === 'closed' || shown.incident.state === 'stopped' || waits) return shown;
  }
}
