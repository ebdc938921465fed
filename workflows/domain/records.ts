/** Owns what the ledger keeps of a rotation, as workflows and activities pass it between them. */
import type { StandsOn } from './configuration.js';
import type { ConsumerSpec, CredentialSpec, Exemption, Gate, RunOptions } from './credential.js';
import { RekeyError } from './errors.js';
import type { Urgency } from './incident.js';
import type { Direction, Outcome, Phase, RunKind, Sequence, Strategy, VersionState } from './states.js';
import type { Verb } from './verbs.js';
import type { WaitKind } from './waits.js';
import type { Who } from './who.js';

/**
 * The head of a credential's audit chain, carried from step to step: a ledger that does not know it
 * has lost commits.
 */
export interface ChainHead {
  readonly position: number;
  readonly hash: string;
}

/**
 * Names one step of one rotation. The key holds step, direction, wave and round: a second look is
 * never yesterday's.
 */
export interface StepRef {
  readonly run: string;
  readonly credential: string;
  readonly fence: number;
  readonly head: ChainHead | null;
  readonly key: string;
  readonly kind: string;
  readonly phase: Phase;
  /** The consumer, where the step is about one. */
  readonly subject: string | null;
}

export interface VersionRecord {
  readonly generation: number;
  readonly state: VersionState;
  readonly account: string;
  readonly keyId: string;
  readonly keyName: string | null;
  readonly origin: 'minted' | 'adopted' | 'regenerated';
  readonly fingerprint: string | null;
  readonly secretRef: string | null;
  /** It has leaked, and is for good handed out no more. */
  readonly compromised: boolean;
  /** Milliseconds since it was made, and since its state was changed, by the database's clock. */
  readonly ageMs: number;
  readonly changedMs: number;
}

export interface RunRecord {
  readonly id: string;
  readonly credential: string;
  readonly kind: RunKind;
  /** Counted for each credential and kind; a rotation's is its generation. */
  readonly number: number;
  /** Of a run that makes a version. */
  readonly generation: number | null;
  readonly previousGeneration: number | null;
  readonly strategy: Strategy;
  readonly openedBy: Who;
  readonly fence: number;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly options: RunOptions;
  readonly spec: CredentialSpec;
  /**
   * Store and hosts as they were declared at open, and the stores that those hosts are driven
   * through.
   */
  readonly standsOn: StandsOn;
  /** Null until preflight has seen them; frozen from then on. */
  readonly identities: Identities | null;
  readonly targets: readonly ConsumerSpec[] | null;
  readonly planHash: string | null;
  readonly paused: boolean;
  readonly expedited: boolean;
  readonly exempt: readonly Exemption[];
  readonly round: number;
  readonly cutoverAt: number | null;
  /** What an incident asks of it; null on any other day. */
  readonly urgency: Urgency | null;
}

/** Whose account and which hosts a run was planned for, as they said themselves. */
export interface Identities {
  /** Of the store's account. */
  readonly store: string | null;
  /** By the host's name, and by `host/consumer` where a consumer is a machine of its own. */
  readonly hosts: Readonly<Record<string, string>>;
}

/** The generation that a run makes; only a rotation makes one. */
export function generationOf({ id, generation }: Pick<RunRecord, 'id' | 'generation'>): number {
  if (generation === null) throw new RekeyError('KR_INTERNAL', `${id} makes no version`);
  return generation;
}

/** Whether consumers may be given it back: what has leaked is handed out no more. */
export function canGiveBack({ secretRef, compromised }: Pick<VersionRecord, 'secretRef' | 'compromised'>): boolean {
  return secretRef !== null && !compromised;
}

export interface Recorded<Result> {
  readonly result: Result;
  readonly head: ChainHead;
}

/**
 * A revoke, a regenerate or the end of a leaked key on the way forward that may have been sent: its
 * step, and whether its outcome is on record.
 */
export interface Crossing {
  readonly key: string;
  readonly done: boolean;
}

/** What a run of a rotation remembers when the ledger has lost its last commits. */
export interface Remembered {
  readonly run: RunRecord;
  readonly fence: number;
  readonly head: ChainHead;
  readonly targets: readonly ConsumerSpec[] | null;
  readonly identities: Identities | null;
  /** It was going back, and why. */
  readonly back: string | null;
  readonly workflowRun: string;
}

/** What was asked for, by whoever started a workflow. */
export interface Order {
  readonly id: string;
  /** Temporal's own id of the workflow's run. */
  readonly workflowRun: string;
}

export interface OpenRequest extends Order {
  readonly credential: string;
  readonly options: RunOptions;
  readonly by: Who;
  /** Throws KR_NOT_CALLED_FOR where this does not hold any more; KR_FENCED where it is not held. */
  readonly onlyIf?: OnlyIf;
}

/** `held`: by the workflow that asks. */
export type OnlyIf = 'open' | 'due' | 'held';

/** What a run begins with: its row, and what an earlier workflow of it has left behind. */
export interface Opened {
  readonly run: RunRecord;
  readonly head: ChainHead;
  readonly crossing: Crossing | null;
  /** Consumers may hold the new version, and there is no old secret to give them back. */
  readonly bound: boolean;
  /** Why it is to turn back: an abort or a rejection that was accepted, and not yet obeyed. */
  readonly turnBack: string | null;
  /** Ids of the updates by which verbs were said. */
  readonly said: readonly string[];
}

/** A run to be started under its canonical id, unless it runs. */
export interface OpenOrder {
  readonly credential: string;
  readonly sequence: Sequence;
  readonly options: RunOptions;
}

export interface Wait {
  readonly kind: WaitKind;
  /** Of an approval. */
  readonly gate?: Gate;
  /**
   * The key of the step that it is for. With the kind it names the wait: told again, it is the same
   * one.
   */
  readonly step?: string;
  /** What it waits for, in words for a person. */
  readonly text: string;
  /** Whether only a person can end it. */
  readonly person: boolean;
  /** ISO time after which the alarm sounds; null where the wait ends by itself. */
  readonly deadline: string | null;
  /** Commands that end it, without `rekey`. */
  readonly nextCommands: readonly string[];
  /** What that person is to do, a line for each step. */
  readonly instructions?: readonly string[];
}

/** A wait as the ledger has it. */
export interface OpenedWait {
  /** An answer names it: what was said to one wait never ends another. */
  readonly number: number;
  /** The approval was given to this very wait and plan, before the workflow was lost. */
  readonly approved: boolean;
  /** Milliseconds since it was opened, by the database's clock. */
  readonly ageMs: number;
  readonly head: ChainHead;
}

/** A verb as it was accepted, before it takes effect. */
export interface SaidVerb {
  /** Temporal's own id of the update: the same one twice is one verb. */
  readonly updateId: string;
  readonly verb: Verb | 'provide';
  readonly who: Who;
  /** The number of the wait that it answers. */
  readonly wait: number | null;
  readonly reason: string | null;
  readonly consumer: string | null;
  readonly amended?: ConsumerSpec;
}

/** What became of a verb when it was judged again, under the run's lock. */
export interface RecordedVerb {
  readonly head: ChainHead;
  /** Null: it takes effect. Else why it has none. */
  readonly whyNone: string | null;
  /**
   * It was said to an earlier workflow of the run, and the rows that this one began with have its
   * effect.
   */
  readonly saidBefore: boolean;
  /** The numbers of the waits that it has ended. */
  readonly ends: readonly number[];
  /** It turns the run back. */
  readonly turns: boolean;
  /** What it answers was asked under another plan, and has to be asked again. */
  readonly anew: boolean;
}
