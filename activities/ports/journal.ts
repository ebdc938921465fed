/**
 * Owns the port to the journal of effects: intents before they are sent, outcomes after, and what
 * persons were asked for.
 */
import type { PastUpdate } from '../../workflows/domain/attributes.js';
import type { ConsumerSpec, JsonObject } from '../../workflows/domain/credential.js';
import type { Leave } from '../../workflows/domain/leave.js';
import type { Identities, Recorded, StepRef, VersionRecord } from '../../workflows/domain/records.js';
import type { VersionEvent } from '../../workflows/domain/states.js';
import type { NewSecret } from './vault.js';

/** An earlier attempt of the same step, whose request may have landed or may still land. */
export interface EarlierAttempt {
  readonly attempt: string;
  readonly tag: string;
  readonly before: JsonObject | null;
  readonly settled: boolean;
}

/** A change to our own ledger that is committed together with a step's outcome. */
export type Change =
  | {
      readonly kind: 'add-version';
      readonly generation: number;
      readonly state: 'prepared' | 'active';
      readonly account: string;
      readonly keyId: string;
      readonly keyName: string;
      readonly origin: VersionRecord['origin'];
      readonly fingerprint: string;
      readonly digest: string;
      readonly secret: NewSecret;
    }
  /** What a person handed in, and was taken or is not needed. */
  | { readonly kind: 'discard-secret'; readonly ref: string }
  | { readonly kind: 'move-version'; readonly generation: number; readonly event: VersionEvent }
  | { readonly kind: 'freeze-targets'; readonly targets: readonly ConsumerSpec[]; readonly planHash: string }
  | { readonly kind: 'freeze-identities'; readonly identities: Identities }
  | { readonly kind: 'rename-version'; readonly generation: number; readonly keyName: string }
  | { readonly kind: 'cutover' }
  /** Everybody is on another version than those that an incident names. */
  | { readonly kind: 'replaced' }
  /** Every endpoint refuses the version. */
  | { readonly kind: 'dead'; readonly generation: number }
  /** Consumers that had not confirmed when the version died at the moment that was set. */
  | { readonly kind: 'late'; readonly generation: number; readonly consumers: readonly string[] }
  /** Hosts and machines that did not answer when the plan was frozen. */
  | { readonly kind: 'meet-hosts'; readonly hosts: Identities['hosts'] };

/** `Before`: what `snapshotBefore` answers; null where nothing is looked at before. */
export interface Attempt<Before extends JsonObject | null = JsonObject | null> {
  readonly id: string;
  /** At most 30 characters, unique; it makes the effect findable. */
  readonly tag: string;
  /** Earlier attempts of this step, oldest first; empty on the first. */
  readonly earlier: readonly EarlierAttempt[];
  readonly before: Before;
  /**
   * Aborts when the attempt's own deadline is over: no request of it is out after its intent's
   * `settle_at`.
   */
  readonly signal: AbortSignal;
  /**
   * Call right before sending: throws KR_TOO_LATE when the deadline is so near that the request
   * would be cut short.
   */
  beforeSending(): void;
  /**
   * Says whether nothing was sent: then the intent is closed so when the body throws. `and-before`:
   * the settled earlier attempts had no effect either.
   */
  markUnsent(which: 'no' | 'this' | 'and-before'): void;
  stage(change: Change): void;
}

/** An effect that a person was asked for: its outcome, or the intent that waits for that person. */
export type Asked =
  | { readonly done: Recorded<JsonObject> }
  | { readonly done: null; readonly attempt: string; readonly tag: string };

export interface OnceOptions<Before extends JsonObject | null = JsonObject | null> {
  /**
   * Milliseconds: how long the attempt may take, and how long after that its request may still
   * land.
   */
  readonly deadline: number;
  readonly settle: number;
  /**
   * Wait out the `settle_at` of an earlier attempt before anything else, since repeating is not
   * harmless.
   */
  readonly waitForSettle: boolean;
  /**
   * All steps of this kind in the rotation act on one object, round after round: what another round
   * sent and is unclear counts as an earlier attempt, and once a later round has its outcome, an
   * earlier one is void. Else only the attempts of the step itself know of each other.
   */
  readonly scopeByKind?: boolean;
  /** What must hold in the moment in which its first attempt is committed; else KR_NOT_NOW. */
  readonly leave?: Leave;
  /** The plan that the attempt has read; by another one it has to begin anew. */
  readonly planHash?: string | null;
  /** Looks before the intent is committed; its answer is kept with the intent. */
  readonly snapshotBefore?: (signal: AbortSignal) => Promise<Before>;
}

export interface Journal {
  /**
   * Runs an effect at most once as far as our ledger can make it so; see docs/lifecycle.md. A
   * recorded outcome is returned without running `body`.
   */
  once<Result extends JsonObject, Before extends JsonObject | null = null>(
    step: StepRef,
    options: OnceOptions<Before>,
    body: (attempt: Attempt<Before>) => Promise<Result>,
  ): Promise<Recorded<Result>>;
  /** The outcome of a step, where it is on record; asked before what a person says is looked at. */
  recorded(step: StepRef): Promise<Recorded<JsonObject> | null>;
  /** Whether a person was asked for the step, and has not answered. */
  isAsked(step: StepRef): Promise<boolean>;
  /**
   * Commits the intent of a step that a person carries out, once; nothing but that person settles
   * it.
   */
  ask(step: StepRef, before: JsonObject | null, leave?: Leave): Promise<Asked>;
  answered<Result extends JsonObject>(
    step: StepRef,
    attempt: string,
    result: Result,
    changes: readonly Change[],
  ): Promise<Recorded<Result>>;
  /** That person says that it was not done, and will not be. */
  declined(step: StepRef): Promise<void>;
  /** Steps of this rotation that a person was asked for and has not answered. */
  openAsks(run: string): Promise<readonly { readonly key: string; readonly kind: string }[]>;
  /** What all tags begin with that this rotation's keys ever get. */
  tagFamily(run: string): string;
  /** All tags that this rotation's intents of a kind ever had. */
  tags(run: string, kind: string): Promise<readonly string[]>;
  /**
   * What was seen just before the newest intent of a kind under this rotation; null where there is
   * none.
   */
  seenBefore(run: string, kind: string): Promise<JsonObject | null>;
  /** Whether an intent of a kind under this rotation may have had its effect. */
  mayHaveSent(run: string, kind: string): Promise<boolean>;
  /** Consumers that a deliver intent of this rotation names, whatever became of it. */
  deliveredTo(run: string): Promise<readonly string[]>;
  /** Consumers that an undeploy intent of this rotation names. */
  undeployed(run: string): Promise<readonly string[]>;
  /** The images of the credential's last completed change of a key; null where there was none. */
  lastUpdate(credential: string): Promise<PastUpdate | null>;
  /**
   * Milliseconds until the last intent of the kinds on this subject can no longer land; 0 when none
   * can.
   */
  unsettled(run: string, kinds: readonly string[], subject: string | null): Promise<number>;
}
