/** Owns the port to the durable record of intents, outcomes, observations and audit; one transaction per call, none open during an outside call. */

import type { PastUpdate } from '../../workflows/domain/attributes.js';
import type { Configuration, ConnectorDeclaration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { ConsumerSpec, CredentialSpec, Exemption, JsonObject, RotationOptions } from '../../workflows/domain/credential.js';
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { Direction, Outcome, Phase, Sequence, VersionEvent, VersionState } from '../../workflows/domain/states.js';
import type { HandOutFence } from './app-host.js';
import type { SealedSecret } from './vault.js';

/** The head of a credential's audit chain, carried from step to step: a ledger that does not know it has lost commits. */
export interface ChainHead {
  readonly position: number;
  readonly hash: string;
}

/** Names one step of one rotation. The key holds step, direction, wave and round: a second look is never yesterday's. */
export interface StepRef {
  readonly rotation: string;
  readonly credential: string;
  readonly fence: number;
  readonly head: ChainHead | null;
  readonly key: string;
  readonly kind: string;
  readonly phase: Phase;
  /** The consumer, where the step is about one. */
  readonly subject: string | null;
}

export interface VersionRow {
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

export interface RotationRow {
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
  readonly options: RotationOptions;
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

/** An earlier attempt of the same step, whose request may have landed or may still land. */
export interface EarlierAttempt {
  readonly attempt: string;
  readonly tag: string;
  readonly before: JsonObject | null;
  readonly settled: boolean;
}

/** A change to our own books that is committed together with a step's outcome. */
export type Change =
  | {
      readonly kind: 'add-version';
      readonly generation: number;
      readonly state: 'prepared' | 'active';
      readonly account: string;
      readonly keyId: string;
      readonly keyName: string;
      readonly origin: VersionRow['origin'];
      readonly fingerprint: string;
      readonly secret: SealedSecret;
    }
  | { readonly kind: 'move-version'; readonly generation: number; readonly event: VersionEvent }
  | { readonly kind: 'freeze-targets'; readonly targets: readonly ConsumerSpec[]; readonly planHash: string }
  | { readonly kind: 'rename-version'; readonly generation: number; readonly keyName: string }
  | { readonly kind: 'cutover' }
  | { readonly kind: 'release-lease'; readonly program: string };

export interface Attempt {
  readonly id: string;
  /** At most 30 characters, unique; it makes the effect findable. */
  readonly tag: string;
  /** Earlier attempts of this step, oldest first; empty on the first. */
  readonly earlier: readonly EarlierAttempt[];
  readonly before: JsonObject | null;
  /** Aborts when the attempt's own deadline is over: no request of it is out after its intent's `settle_at`. */
  readonly signal: AbortSignal;
  /** Call right before sending: throws KR_TOO_LATE when the deadline is so near that the request would be cut short. */
  beforeSending(): void;
  /** Says whether nothing was sent: then the intent is closed so when the body throws. `and-before`: the settled earlier attempts had no effect either. */
  notSent(which: 'no' | 'this' | 'and-before'): void;
  stage(change: Change): void;
}

/** An effect that a person was asked for: its outcome, or the intent that waits for that person. */
export type Asked =
  | { readonly done: Recorded<JsonObject> }
  | { readonly done: null; readonly attempt: string; readonly tag: string };

export interface OnceOptions {
  /** Milliseconds: how long the attempt may take, and how long after that its request may still land. */
  readonly deadline: number;
  readonly settle: number;
  /** Wait out the `settle_at` of an earlier attempt before anything else, since repeating is not harmless. */
  readonly waitsOut: boolean;
  /**
   * All steps of this kind in the rotation act on one object, round after round: what another round sent and is unclear counts as an earlier
   * attempt, and once a later round has its outcome, an earlier one is void. Else only the attempts of the step itself know of each other.
   */
  readonly oneObject?: boolean;
  /** Looks before the intent is committed; its answer is kept with the intent. */
  readonly look?: (signal: AbortSignal) => Promise<JsonObject>;
}

export interface Recorded<Result> {
  readonly result: Result;
  readonly head: ChainHead;
}

/** A revoke or regenerate on the way forward that may have been sent: its step, and whether its outcome is on record. */
export interface Beyond {
  readonly key: string;
  readonly done: boolean;
}

/** What a run of a rotation remembers when the ledger has lost its last commits. */
export interface Remembered {
  readonly rotation: RotationRow;
  readonly fence: number;
  readonly head: ChainHead;
  readonly targets: readonly ConsumerSpec[] | null;
  /** It was going back, and why. */
  readonly back: string | null;
  readonly runId: string;
}

export interface OpenRequest {
  readonly credential: string;
  readonly options: RotationOptions;
  readonly by: string;
  readonly runId: string;
  /** Throws KR_NOT_CALLED_FOR where this does not hold any more. */
  readonly onlyIf?: 'open' | 'due';
}

/** A rotation to be started under its canonical id, unless it runs. */
export interface OpenOrder {
  readonly credential: string;
  readonly strategy: Sequence;
  readonly options: RotationOptions;
}

export interface Wait {
  /** What it waits for, in words for a person. */
  readonly text: string;
  /** Whether only a person can end it. */
  readonly person: boolean;
  /** ISO time after which the alarm sounds; null where the wait ends by itself. */
  readonly deadline: string | null;
  /** Commands that end it, without `rekey`. */
  readonly exits: readonly string[];
  /** What that person is to do, a line for each step. */
  readonly instructions?: readonly string[];
  /** The key of the step for which a person is asked: while others are worked on side by side with it, it stays in sight. */
  readonly asks?: string;
}

export interface Ledger {
  readonly id: string;

  /** Opens a rotation under the next generation, or takes the open one over with a higher fence. The same run gets the same row again. */
  open(
    request: OpenRequest,
  ): Promise<{ readonly rotation: RotationRow; readonly head: ChainHead; readonly beyond: Beyond | null }>;
  /** Puts back what the ledger has lost of a rotation and its run remembers, under a fence above both. Everything else is done again. */
  reconcile(remembered: Remembered): Promise<{ readonly rotation: RotationRow; readonly head: ChainHead }>;
  rotation(id: string): Promise<RotationRow>;
  versions(credential: string): Promise<readonly VersionRow[]>;

  /** Runs an effect at most once as far as our books can make it so; see docs/lifecycle.md. A recorded outcome is returned without running `body`. */
  once<Result extends JsonObject>(
    step: StepRef,
    options: OnceOptions,
    body: (attempt: Attempt) => Promise<Result>,
  ): Promise<Recorded<Result>>;

  /** Whether a person was asked for the step, and has not answered. */
  isAsked(step: StepRef): Promise<boolean>;
  /** Commits the intent of a step that a person carries out, once; nothing but that person settles it. */
  ask(step: StepRef, before: JsonObject | null): Promise<Asked>;
  answered<Result extends JsonObject>(
    step: StepRef,
    attempt: string,
    result: Result,
    changes: readonly Change[],
  ): Promise<Recorded<Result>>;
  /** That person says that it was not done, and will not be. */
  declined(step: StepRef): Promise<void>;
  /** Steps of this rotation that a person was asked for and has not answered. */
  openAsks(rotation: string): Promise<readonly { readonly key: string; readonly kind: string }[]>;

  /** Checks fence and head, and shows the step as the one that is being worked on. */
  enter(step: StepRef, wait: Wait | null): Promise<void>;
  recordInspections(step: StepRef, inspections: readonly Inspection[]): Promise<void>;
  /** The latest inspection of each consumer under this rotation, with its age by the database's clock. */
  inspections(rotation: string): Promise<readonly DatedInspection[]>;
  recordReading(
    step: StepRef,
    round: number,
    value: string | null,
  ): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }>;
  /** What all tags begin with that this rotation's keys ever get. */
  tagFamily(rotation: string): string;
  /** All tags that this rotation's intents of a kind ever had. */
  tags(rotation: string, kind: string): Promise<readonly string[]>;
  /** What was seen just before the newest intent of a kind under this rotation; null where there is none. */
  seenBefore(rotation: string, kind: string): Promise<JsonObject | null>;
  /** Whether an intent of a kind under this rotation may have had its effect. */
  mayHaveSent(rotation: string, kind: string): Promise<boolean>;
  /** Consumers that a deliver intent of this rotation names, whatever became of it. */
  deliveredTo(rotation: string): Promise<readonly string[]>;
  /** Consumers that an undeploy intent of this rotation names. */
  undeployed(rotation: string): Promise<readonly string[]>;
  /** The images of the credential's last completed change of a key; null where there was none. */
  lastUpdate(credential: string): Promise<PastUpdate | null>;
  /** Milliseconds until the last intent of the kinds on this subject can no longer land; 0 when none can. */
  unsettled(rotation: string, kinds: readonly string[], subject: string | null): Promise<number>;

  /** Takes the consumer's lease for the rotation, raising its fence; KR_LEASE_HELD while another open rotation holds it. */
  lease(step: StepRef, program: string): Promise<HandOutFence>;
  /** A host has seen a higher fence than the one that this ledger gave out, which was set back: raises it, unless a newer taking is on record already. */
  raiseLease(program: string, given: number, held: number): Promise<boolean>;
  releaseLease(program: string, rotation: string): Promise<void>;
  releaseLeases(rotation: string): Promise<void>;

  /** Commits a verb, a wait or a change of direction before it takes effect. */
  note(step: StepRef, note: Note): Promise<ChainHead>;
  close(step: StepRef, outcome: Outcome, reason: string | null, downtimeMs: number | null): Promise<ChainHead>;

  /** Credentials whose time has come and that have no open rotation, whether or not their window is open. */
  due(): Promise<readonly (OpenOrder & { readonly window: string | null })[]>;
  /** Every open rotation, whether or not a workflow runs it. */
  openRotations(): Promise<readonly OpenOrder[]>;

  saveConfiguration(configuration: Configuration, hash: string, by: string): Promise<{ readonly changed: boolean }>;
  configurationHash(): Promise<string | null>;
  configuration(): Promise<{ readonly configuration: Configuration; readonly hash: string } | null>;
  credential(name: string): Promise<CredentialDeclaration>;
  /** Records a key that exists already as the active version; the same key again changes nothing. */
  adopt(
    credential: string,
    version: {
      readonly account: string;
      readonly keyId: string;
      readonly keyName: string;
      readonly fingerprint: string | null;
      readonly secret: SealedSecret | null;
    },
    by: string,
  ): Promise<{ readonly generation: number; readonly adopted: boolean }>;
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
