/** Owns how rows become the port's types. */
import type { ConsumerSpec, CredentialSpec, Exemption, JsonObject, RunOptions } from '../../workflows/domain/credential.js';
import type { Urgency } from '../../workflows/domain/incident.js';
import type { Identities, RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import type { Direction, Outcome, Phase, RunKind, Strategy, VersionState } from '../../workflows/domain/states.js';
import type { Who } from '../../workflows/domain/who.js';

export interface RunRow {
  id: string;
  credential: string;
  kind: RunKind;
  number: number;
  generation: number | null;
  previous_generation: number | null;
  strategy: Strategy;
  opened_by: Who;
  fence: string;
  workflow_run: string;
  phase: Phase;
  direction: Direction;
  outcome: Outcome | null;
  reason: string | null;
  options: RunOptions;
  spec: CredentialSpec;
  stands_on: RunRecord['standsOn'];
  store_identity: string | null;
  host_identities: Identities['hosts'] | null;
  targets: readonly ConsumerSpec[] | null;
  plan_hash: string | null;
  paused: boolean;
  expedited: boolean;
  exempt: readonly Exemption[];
  round: number;
  cutover_at: Date | null;
  urgency: Urgency | null;
}

export function toRun(row: RunRow): RunRecord {
  return {
    id: row.id,
    credential: row.credential,
    kind: row.kind,
    number: row.number,
    generation: row.generation,
    previousGeneration: row.previous_generation,
    openedBy: row.opened_by,
    strategy: row.strategy,
    fence: Number(row.fence),
    phase: row.phase,
    direction: row.direction,
    outcome: row.outcome,
    reason: row.reason,
    options: row.options,
    spec: row.spec,
    standsOn: row.stands_on,
    identities: row.host_identities && { store: row.store_identity, hosts: row.host_identities },
    targets: row.targets,
    planHash: row.plan_hash,
    paused: row.paused,
    expedited: row.expedited,
    exempt: row.exempt,
    round: row.round,
    cutoverAt: row.cutover_at?.getTime() ?? null,
    urgency: row.urgency,
  };
}

export interface VersionRow {
  generation: number;
  state: VersionState;
  account: string;
  key_id: string;
  key_name: string | null;
  origin: VersionRecord['origin'];
  fingerprint: string | null;
  secret_ref: string | null;
  compromised_at: Date | null;
  age: string;
  changed: string;
}

export function toVersion(row: VersionRow): VersionRecord {
  return {
    generation: row.generation,
    state: row.state,
    account: row.account,
    keyId: row.key_id,
    keyName: row.key_name,
    origin: row.origin,
    fingerprint: row.fingerprint,
    secretRef: row.secret_ref,
    compromised: row.compromised_at !== null,
    ageMs: Number(row.age),
    changedMs: Number(row.changed),
  };
}

export interface StepRow {
  attempt: string;
  outcome: JsonObject | null;
}
