/** Owns what the ledger keeps of a rotation, as workflows and activities pass it between them. */
import type { ConnectorDeclaration } from './configuration.js';
import type { ConsumerSpec, CredentialSpec, Exemption, RunOptions } from './credential.js';
import type { Direction, Outcome, Phase, Sequence, VersionState } from './states.js';

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
  /** Milliseconds since it was made, and since its state was changed, by the database's clock. */
  readonly ageMs: number;
  readonly changedMs: number;
}

export interface RunRecord {
  readonly id: string;
  readonly credential: string;
  readonly generation: number;
  readonly previousGeneration: number | null;
  readonly strategy: Sequence;
  readonly fence: number;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly options: RunOptions;
  readonly spec: CredentialSpec;
  /** The declarations of store and hosts as they were at open. */
  readonly stores: { readonly store: ConnectorDeclaration; readonly hosts: Readonly<Record<string, ConnectorDeclaration>> };
  readonly targets: readonly ConsumerSpec[] | null;
  readonly paused: boolean;
  readonly expedited: boolean;
  readonly exempt: readonly Exemption[];
  readonly round: number;
  readonly cutoverAt: number | null;
}

export interface Recorded<Result> {
  readonly result: Result;
  readonly head: ChainHead;
}

/**
 * A revoke or regenerate on the way forward that may have been sent: its step, and whether its
 * outcome is on record.
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
  /** It was going back, and why. */
  readonly back: string | null;
  readonly runId: string;
}

export interface OpenRequest {
  readonly credential: string;
  readonly options: RunOptions;
  readonly by: string;
  readonly runId: string;
  /** Throws KR_NOT_CALLED_FOR where this does not hold any more. */
  readonly onlyIf?: 'open' | 'due';
}

/** A rotation to be started under its canonical id, unless it runs. */
export interface OpenOrder {
  readonly credential: string;
  readonly strategy: Sequence;
  readonly options: RunOptions;
}

export interface Wait {
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
  /**
   * The key of the step for which a person is asked: while others are worked on side by side with
   * it, it stays in sight.
   */
  readonly asks?: string;
}

export type Note =
  | {
      readonly kind: 'verb';
      readonly verb: string;
      readonly by: string;
      readonly reason: string | null;
      readonly consumer: string | null;
    }
  | { readonly kind: 'wait'; readonly wait: Wait }
  | { readonly kind: 'turn-back'; readonly reason: string }
  | { readonly kind: 'round'; readonly round: number; readonly reason: string };
