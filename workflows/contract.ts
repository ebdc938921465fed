/**
 * Owns what client and worker must agree on: ids, queues, workflow names, updates, and the shapes
 * that go through them.
 */
import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { KeyLook } from './domain/attributes.js';
import type { RunOptions } from './domain/credential.js';
import type { HaltRequest, IncidentPlan } from './domain/incident.js';
import type { ProvideReceipt, ProvideRequest } from './domain/manual.js';
import type { Outcome, Phase, Sequence } from './domain/states.js';
import { type Verb, type VerbRequest, verbs } from './domain/verbs.js';
import type { Who } from './domain/who.js';

/** The queue of workflows and of everything that touches only the ledger. */
export const mainQueue = 'rekey';
export const storeQueue = (store: string): string => `store.${store}`;
export const hostQueue = (host: string): string => `host.${host}`;

/** One id per credential: Temporal runs one workflow under it, so that it is the mutex. */
export const rotationWorkflowId = (credential: string): string => `rotation/${credential}`;
export const applyWorkflowId = 'apply';
export const adoptWorkflowId = (credential: string): string => `adopt/${credential}`;

export const attributesWorkflowId = (credential: string): string => `attributes/${credential}`;

/** The same: an incident is answered by one workflow. */
export const incidentWorkflowId = (number: number): string => `incident/${number}`;

export const workflowOf: Readonly<Record<Sequence, string>> = {
  overlap: 'rotateOverlap',
  'in-place': 'rotateInPlace',
  update: 'updateKey',
};

/** A Schedule appends a timestamp to ids, so it starts these, never a rotation. */
export const schedules = [
  { id: 'rekey-due', workflow: 'startDueRotations', every: '1 minute' },
  { id: 'rekey-sweep', workflow: 'sweep', every: '30 seconds' },
] as const;

/** Workflows that take nothing and answer nothing: whoever starts one does no harm by it. */
export const firedBySchedule: readonly string[] = schedules.map(({ workflow }) => workflow);

export interface RunOrder {
  /** Its own: what was asked for once is done once. */
  readonly id: string;
  readonly credential: string;
  readonly options: RunOptions;
  readonly by: Who;
  /**
   * What must still hold when it begins, for one that rekey starts by itself: the rotation is open,
   * or the credential is due.
   */
  readonly onlyIf?: 'open' | 'due';
}

export interface IncidentOrder {
  readonly id: string;
  readonly number: number;
  readonly by: Who;
  /** Null: it is open in the ledger, and is carried on. */
  readonly plan: IncidentPlan | null;
}

/** What is said to an incident. */
export type HaltMessage = Omit<HaltRequest, 'incident'>;

export const haltUpdate = defineUpdate<IncidentReport, [HaltMessage]>('halt');

export interface IncidentReport {
  readonly incident: string;
}

export interface RunReport {
  readonly run: string;
  readonly credential: string;
  readonly sequence: Sequence;
  /** The one that it made; of a change, the one whose key was changed. */
  readonly generation: number | null;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly downtimeMs: number | null;
}

/** What was said was taken: by which run, and in which phase. */
export interface VerbReceipt {
  readonly run: string;
  readonly phase: Phase;
}

/** A verb, and the run that it is said to: to a later one of the credential it is nothing. */
export interface VerbMessage extends VerbRequest {
  readonly run: string;
}

type VerbUpdate = ReturnType<typeof defineUpdate<VerbReceipt, [VerbMessage]>>;

/** One update per verb, so that the history reads as a story. */
export const verbUpdates = Object.fromEntries(
  verbs.map((verb) => [verb, defineUpdate<VerbReceipt, [VerbMessage]>(verb)]),
) as Readonly<Record<Verb, VerbUpdate>>;

export interface JoinRequest {
  readonly options: RunOptions;
}

export interface JoinReceipt {
  readonly run: string;
  readonly phase: Phase;
}

/**
 * Asks for a rotation with these options, sent together with the start of one: answers once the run
 * is open in the ledger, and is refused by a rotation that has other options.
 */
export const joinUpdate = defineUpdate<JoinReceipt, [JoinRequest]>('join');

/** A person has done what the rotation asked for; answers when it was looked at. */
export const provideUpdate = defineUpdate<ProvideReceipt, [ProvideRequest]>('provide');

/** What may be said to the rotation now. */
export const legalVerbsQuery = defineQuery<readonly Verb[]>('legalVerbs');

export interface ApplyReport {
  readonly changed: boolean;
  readonly adoptions: readonly {
    readonly credential: string;
    readonly generation: number | null;
    readonly adopted: boolean;
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
  /** Keys that are not as `attributes:` declares them, or that could not be looked at. */
  readonly attributes: readonly (KeyLook & {
    /** A change of it has begun; false where a rotation is open. */
    readonly started: boolean;
  })[];
}
