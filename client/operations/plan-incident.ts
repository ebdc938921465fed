/** Owns planning an incident: which keys it is about and what it would do, without doing it. */
import { connectors } from '../../activities/configuration/connectors.js';
import type { Selection, Way } from '../../workflows/domain/incident.js';
import {
  type CredentialAtHand,
  type ForeseenIncident,
  foresee,
  planIncident,
  storesOf,
} from '../../workflows/domain/incident-plan.js';
import type { Surveyed } from '../../workflows/domain/outlook.js';
import type { VersionState } from '../../workflows/domain/states.js';
import type { Who } from '../../workflows/domain/who.js';
import { asRekeyError } from '../errors.js';
import type { CredentialShown } from '../ledger/views.js';
import type { Access } from './access.js';
import { askWorkers } from './ask-workers.js';

export interface PlanIncidentInput {
  readonly selection: readonly Selection[];
  readonly way: Way;
  /** Milliseconds from the beginning on. */
  readonly revokeWithin: number | null;
  /** By `name#generation`, as it was reported. */
  readonly leakedAt: ReadonlyMap<string, string | null>;
  /** Somebody is to confirm it: stores are asked how they stand. */
  readonly isRead: boolean;
}

export async function planIncidentOf(
  _who: Who,
  access: Access,
  { selection, way, revokeWithin, leakedAt, isRead }: PlanIncidentInput,
): Promise<ForeseenIncident> {
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
      confirm: credential.spec.policy.confirm,
      openRun: credential.run !== null && credential.outcome === null ? credential.run : null,
      manual: declared?.manual ?? [],
      derives: connectors.stores.find(({ kind }) => kind === declared?.kind)?.derives ?? null,
    };
  });
  const planned = planIncident(atHand, selection, way, leakedAt);
  const concerned = isRead ? storesOf(planned.keys) : [];
  return foresee(planned, way, revokeWithin, concerned.length > 0 ? await survey(access, concerned) : []);
}

/** Workers ask, since they alone have the credentials for it; a plan is shown without them, too. */
async function survey(access: Access, stores: readonly string[]): Promise<readonly Surveyed[]> {
  try {
    return await askWorkers(access, { of: 'surveyStores', body: { stores }, about: 'survey', within: mostWait });
  } catch (error) {
    return stores.map((store) => ({ store, why: asRekeyError(error).detail }));
  }
}

/** Milliseconds: at 3 a.m. somebody waits for the plan. */
const mostWait = 12_000;

function consumersOf({ spec: { consumers } }: CredentialShown): CredentialAtHand['consumers'] {
  if (consumers.kind === 'none') return [];
  if (consumers.kind === 'all') return [{ host: consumers.host, names: [] }];
  const hosts = [...new Set(consumers.list.map(({ host }) => host))];
  return hosts.map((host) => ({ host, names: consumers.list.filter((c) => c.host === host).map(({ name }) => name) }));
}
