/** Owns planning an incident: which keys it is about and what it would do, without doing it. */
import { connectors } from '../../activities/configuration/connectors.js';
import type { Selection, Way } from '../../workflows/domain/incident.js';
import { type CredentialAtHand, type PlannedIncident, planIncident } from '../../workflows/domain/incident-plan.js';
import type { VersionState } from '../../workflows/domain/states.js';
import type { Who } from '../../workflows/domain/who.js';
import type { CredentialShown } from '../ledger/views.js';
import type { Access } from './access.js';

export interface PlanIncidentInput {
  readonly selection: readonly Selection[];
  readonly way: Way;
  /** By `name#generation`, as it was reported. */
  readonly leakedAt: ReadonlyMap<string, string | null>;
}

export async function planIncidentOf(
  _who: Who,
  access: Access,
  { selection, way, leakedAt }: PlanIncidentInput,
): Promise<PlannedIncident> {
  const { credentials, keys, configuration } = await access.readLedger(async (view) => ({
    credentials: await view.credentials(),
    keys: await view.keys(),
    configuration: await view.configuration(),
  }));
  const stores = configuration?.document.stores ?? {};
  const atHand = credentials.map((credential): CredentialAtHand => {
    const declared = stores[credential.store];
    return {
      name: credential.name,
      store: credential.store,
      strategy: credential.strategy,
      labels: credential.labels,
      consumers: consumersOf(credential),
      versions: keys
        .filter((key) => key.credential === credential.name)
        .map(({ generation, state }) => ({ generation, state: state as VersionState })),
      openRun: credential.run !== null && credential.outcome === null ? credential.run : null,
      manual: declared?.manual ?? [],
      derives: connectors.stores.find(({ kind }) => kind === declared?.kind)?.derives ?? null,
    };
  });
  return planIncident(atHand, selection, way, leakedAt);
}

function consumersOf({ spec: { consumers } }: CredentialShown): CredentialAtHand['consumers'] {
  if (consumers.kind === 'none') return [];
  if (consumers.kind === 'all') return [{ host: consumers.host, names: [] }];
  const hosts = [...new Set(consumers.list.map(({ host }) => host))];
  return hosts.map((host) => ({ host, names: consumers.list.filter((c) => c.host === host).map(({ name }) => name) }));
}
