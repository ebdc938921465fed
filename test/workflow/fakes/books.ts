/** Owns what the ledger in memory holds of one credential, and what it begins with. */
import type { Ledger } from '../../../activities/ports/ledger.js';
import type { CredentialSpec, JsonObject } from '../../../workflows/domain/credential.js';
import type { Urgency } from '../../../workflows/domain/incident.js';
import type { OpenRequest, RunRecord, VersionRecord } from '../../../workflows/domain/records.js';
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
  chain: [],
});

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
    previousGeneration: books.versions.find((v) => v.state === 'active')?.generation ?? null,
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
