/** Owns what the ledger in memory holds of one credential, and what it begins with. */
import type { Ledger } from '../../../activities/ports/ledger.js';
import type { CredentialSpec, JsonObject } from '../../../workflows/domain/credential.js';
import type { Urgency } from '../../../workflows/domain/incident.js';
import type { OpenRequest, RunRecord, VersionRecord } from '../../../workflows/domain/records.js';
import type { Outcome } from '../../../workflows/domain/states.js';
import type { FakeIncident } from './incident.js';
import type { Intent } from './intents.js';
import type { Said } from './said.js';

/** What of the port is needed here: observations are not kept, and nothing is configured. */
export type Faked = Pick<
  Ledger,
  | 'open'
  | 'now'
  | 'reconcile'
  | 'run'
  | 'versions'
  | 'once'
  | 'ask'
  | 'answered'
  | 'declined'
  | 'openAsks'
  | 'enter'
  | 'tags'
  | 'mayHaveSent'
  | 'deliveredTo'
  | 'undeployed'
  | 'unsettled'
  | 'leftDown'
  | 'lease'
  | 'releaseLease'
  | 'releaseLeases'
  | 'openWait'
  | 'recordVerb'
  | 'recordEffect'
  | 'turnBack'
  | 'report'
  | 'beginRound'
  | 'close'
  | 'due'
  | 'sweep'
  | 'openIncidents'
  | 'incidentRound'
  | 'settleIncident'
  | 'versionsToEnd'
  | 'tellRun'
  | 'incidentState'
  | 'haltIncident'
>;

export interface Books {
  row: RunRecord | null;
  workflowRun: string;
  fence: number;
  generation: number;
  versions: VersionRecord[];
  outcomes: Record<string, JsonObject>;
  intents: Intent[];
  leases: string[];
  said: Said;
  /** Runs that have ended, and for which incident. */
  ended: { readonly id: string; readonly outcome: Outcome; readonly reason: string | null; readonly incident: string | null }[];
  incidents: FakeIncident[];
  /** What the run before had found running, where another was to bring it back. */
  leftDown: readonly string[];
  /** Hashes of the audit chain. */
  chain: string[];
}

export const version = (generation: number, state: VersionRecord['state']): VersionRecord => ({
  generation,
  state,
  account: 'account',
  keyId: `key-${generation}`,
  keyName: null,
  origin: generation === 1 ? 'adopted' : 'minted',
  fingerprint: `fingerprint-${generation}`,
  secretRef: `secret-${generation}`,
  compromised: false,
  ageMs: 0,
  changedMs: 0,
});

export const emptyBooks = (holdsOldSecret: boolean): Books => ({
  row: null,
  workflowRun: '',
  fence: 0,
  generation: 1,
  versions: [{ ...version(1, 'active'), ...(!holdsOldSecret && { secretRef: null }) }],
  outcomes: {},
  intents: [],
  leases: [],
  said: { waits: [], verbs: [] },
  ended: [],
  incidents: [],
  leftDown: [],
  chain: [],
});

/** In an incident the one that is served may be dead already: then the newest that lives counts. */
function servedOf(versions: readonly VersionRecord[], urgency: Urgency | null): VersionRecord | undefined {
  const active = versions.find(({ state }) => state === 'active');
  return active ?? (urgency ? (versions.findLast(({ state }) => state !== 'revoked') ?? versions.at(-1)) : undefined);
}

/** The row of a run that has just been opened; a change makes no version. */
export function newRun(
  spec: CredentialSpec,
  standsOn: RunRecord['standsOn'],
  books: Books,
  { credential, options, by }: Pick<OpenRequest, 'credential' | 'options' | 'by'>,
  generation: number | null,
  urgency: Urgency | null,
): RunRecord {
  return {
    id: options.update ? `${credential}/update-1` : `${credential}#${generation}`,
    credential,
    kind: options.update ? 'update' : 'rotate',
    number: generation ?? 1,
    generation,
    previousGeneration: servedOf(books.versions, urgency)?.generation ?? null,
    strategy: spec.strategy,
    openedBy: by,
    fence: books.fence,
    phase: 'planned',
    direction: 'forward',
    outcome: null,
    reason: null,
    options,
    spec,
    standsOn,
    identities: null,
    targets: null,
    planHash: null,
    paused: false,
    expedited: false,
    exempt: options.without,
    round: 1,
    cutoverAt: null,
    urgency,
  };
}
