/**
 * Owns one run of a rotation: its place in the ledger, its phase and direction, and how a step that
 * fails for good waits for a person.
 */
import { ApplicationFailure, CancellationScope, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { localLedger } from '../activity-options.js';
import type { RunReport, VerbReceipt } from '../contract.js';
import { type ConsumerSpec, leaseKey } from '../domain/credential.js';
import type { Urgency } from '../domain/incident.js';
import {
  type ChainHead,
  type Crossing,
  generationOf,
  type Identities,
  type Opened,
  type OpenedWait,
  type Recorded,
  type RecordedVerb,
  type RunRecord,
  type SaidVerb,
  type StepRef,
  type Wait,
} from '../domain/records.js';
import { mayEnter, type Outcome, type Phase, sequenceOf } from '../domain/states.js';
import { withConsumer } from '../domain/verbs.js';
import { exitsOf, type Held } from '../domain/waits.js';
import { isForPerson, isHopeless, isOvertaken, messageOf, Refused, RollbackRequested } from '../failures.js';
import { endRun } from './end.js';
import { Operator } from './operator.js';
import { type WaitTold, waitForOperator } from './waits.js';

export class Run {
  readonly operator: Operator;
  #head: ChainHead;
  #fence: number;
  #phase: Phase;
  #crossed: boolean;
  #crossing: Crossing | null;
  #crossingKey = '';
  #back: boolean;
  #reason: string | null;
  /** The new version was handed out, and there is no old secret to give back in its place. */
  #bound: boolean;
  /** Steps that failed for good and wait for a person. */
  readonly holds = new Set<Held & { readonly why: string }>();
  /** How often the ledger was found behind: rounds on record may be older than what came since. */
  reconciled = 0;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Cancelled by abort; everything before the point of no return runs in it. */
  readonly #forward = new CancellationScope();
  round: number;
  /** Consumers that may have been handed something, or told to stop; the ledger knows it best. */
  readonly touched = new Set<string>();
  targets: readonly ConsumerSpec[];
  /** Whom it was planned for; null until preflight has seen them. */
  identities: Identities | null;

  row: RunRecord;

  /** An older release has read no `said`. */
  constructor({ run: row, head, crossing, bound, turnBack, said = [] }: Opened) {
    this.row = row;
    this.#head = head;
    this.#fence = row.fence;
    this.#phase = row.phase;
    this.#back = row.direction === 'back';
    this.#crossing = crossing;
    this.#crossed = crossing !== null;
    this.#bound = bound;
    this.#reason = row.reason;
    this.round = row.round;
    this.targets = row.targets ?? [];
    this.identities = row.identities;
    this.operator = new Operator(row, said, {
      facts: () => ({
        sequence: sequenceOf(row),
        phase: this.#phase,
        direction: this.#back ? 'back' : 'forward',
        crossed: this.#crossed,
        bound: this.isBound,
        consumers: this.required.map((c) => c.name),
        untouched: this.required.map((c) => c.name).filter((name) => !this.touched.has(name)),
      }),
      record: (said) => this.#record(said),
      recordEffect: (updateId, whyNone) => localLedger.recordEffect({ step: this.step('verb'), updateId, whyNone }),
      requestRollback: (why) => this.#requestRollback(why),
      amend: (consumer) => this.#amend(consumer),
    });
    if (turnBack) this.#requestRollback(turnBack);
  }

  get spec() {
    return this.row.spec;
  }

  /** Rows that an older release has read hold none. */
  get urgency(): Urgency | null {
    return this.row.urgency ?? null;
  }

  /** The one that this run makes. */
  get generation(): number {
    return generationOf(this.row);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Consumers that count may hold the new version, and nothing can be given back to them. */
  get isBound(): boolean {
    return this.#bound && this.required.length > 0;
  }

  get reason(): string | null {
    return this.#reason;
  }

  get isGoingBack(): boolean {
    return this.#back;
  }

  /** The revoke or regenerate that an earlier run may have sent: this one begins behind it. */
  get crossing(): Crossing | null {
    return this.#crossing;
  }

  /** Consumers that must be right; exempt ones are left alone. */
  get required(): readonly ConsumerSpec[] {
    return this.targets.filter((t) => !this.operator.exempt.has(t.name));
  }

  /** Where it can only go forward, a consumer that fails is left behind, or nothing goes on. */
  get #leavable(): readonly string[] {
    return this.#crossed || this.isBound ? this.required.map((c) => c.name) : [];
  }

  isExempt(consumer: string): boolean {
    return this.operator.exempt.has(consumer);
  }

  /** Names a step. The same name in another run of this rotation finds the recorded outcome. */
  step(kind: string, key: string = kind, subject: string | null = null): StepRef {
    if (subject !== null && (kind === 'distribute' || kind === 'undeploy')) this.touched.add(subject);
    return {
      run: this.row.id,
      credential: this.row.credential,
      fence: this.#fence,
      head: this.#head,
      key,
      kind,
      phase: this.#phase,
      subject,
    };
  }

  /** Takes over the head that an outcome carries. */
  async recorded<Result>(outcome: Promise<Recorded<Result>>): Promise<Result> {
    this.#inFlight.add(outcome);
    try {
      const { result, head } = await outcome;
      this.#sawHead(head);
      return result;
    } finally {
      this.#inFlight.delete(outcome);
    }
  }

  enter(phase: Phase): void {
    // A run that takes over, or repeats its way, walks through earlier phases again without effect.
    const repeats = this.row.phase !== 'planned' || this.#crossed || this.#bound || this.reconciled > 0;
    if (!mayEnter(sequenceOf(this.row), this.#phase, phase) && !repeats) {
      throw ApplicationFailure.nonRetryable(`from ${this.#phase} to ${phase}`, 'KR_INTERNAL');
    }
    this.#phase = phase;
    setCurrentDetails(`${this.row.id} is ${phase}`);
  }

  /**
   * Runs the way forward. Throws `RollbackRequested` when an operator or a failed step turns it
   * back, and lets `Refused` through. Once a revoke or regenerate may be out, nothing turns it back
   * any more: then a person is asked, and the way is replayed on the outcomes that the ledger has.
   */
  async forward<Result>(way: () => Promise<Result>): Promise<Result> {
    if (this.#back) throw new RollbackRequested(this.#reason ?? 'it was going back');
    for (let failed: unknown = null; ; ) {
      try {
        return await this.#forward.run(async () => {
          // Where it may still turn back, an abort ends this wait like every other.
          if (failed !== null)
            await waitForOperator(this, messageOf(failed), { hopeless: isHopeless(failed), consumers: this.#leavable });
          const done = await way();
          await this.operator.obeyed();
          return done;
        });
      } catch (error) {
        if (isOvertaken(error) || error instanceof Refused) throw error;
        const mayTurn = !this.#crossed && !this.isBound;
        if (mayTurn && error instanceof RollbackRequested) throw error;
        // What no machine may judge is for a person, in whichever direction it could go.
        if (mayTurn && !isForPerson(error, sequenceOf(this.row))) throw new RollbackRequested(this.#reason ?? messageOf(error));
        failed = error;
      }
    }
  }

  /**
   * Records that the rotation goes back, before anything is undone. It raises the fence: a late
   * attempt on the way forward is void from then on.
   */
  async startRollback(why: string): Promise<void> {
    if (this.#back) return;
    this.#back = true;
    this.#reason ??= why;
    this.operator.paused = false;
    this.#phase = 'compensating';
    this.#sawHead(await localLedger.turnBack({ step: this.step('turn-back'), reason: this.#reason }));
    this.#fence++;
  }

  /**
   * From here on abort is illegal; `uncross` says that nothing was sent after all. Throws where an
   * abort came before.
   */
  async cross(key: string): Promise<void> {
    await this.operator.obeyed();
    this.#crossed = true;
    this.#crossingKey = key;
  }

  /**
   * Consumers are handed the new version from here on. Where nothing could be given back to them,
   * abort is illegal from here on, too. Throws where an abort came before.
   */
  async beginHandOut(holdsOldSecret: boolean): Promise<void> {
    if (holdsOldSecret) return;
    await this.operator.obeyed();
    this.#bound = true;
  }

  uncross(): void {
    this.#crossed = false;
    this.#crossing = null;
  }

  /** Something that people should know of, although the rotation goes on. */
  remark(text: string): void {
    this.#reason = this.#reason ? `${this.#reason}; ${text}` : text;
  }

  /** Lets go of a consumer that is handed nothing more. */
  async releaseLease(consumer: ConsumerSpec): Promise<void> {
    await localLedger.releaseLease({ step: this.step('release-lease'), consumer: leaseKey(consumer) });
  }

  async newRound(round: number, reason: string): Promise<void> {
    this.#sawHead(await localLedger.beginRound({ step: this.step('round'), round, reason }));
    this.round = round;
  }

  close(outcome: Outcome, downtimeMs: number | null = null): Promise<RunReport> {
    return endRun(this, outcome, this.#reason, downtimeMs);
  }

  /** Whatever was sent has an answer, or will never have one. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
  }

  /**
   * The ledger has lost its last commits: it is told what this run remembers, and the way is
   * replayed on the outcomes that are left.
   */
  async reconcile(): Promise<void> {
    // What is still out would land behind what is done again: a program would start that was just
    // stopped.
    await this.settled();
    const { run, head } = await localLedger.reconcile({
      run: this.row,
      fence: this.#fence,
      head: this.#head,
      targets: this.targets.length > 0 ? this.targets : null,
      identities: this.identities,
      back: this.#back ? this.#reason : null,
      workflowRun: workflowInfo().runId,
    });
    this.row = run;
    this.#fence = run.fence;
    this.#head = head;
    this.operator.reconciled();
    if (this.#crossed) this.#crossing ??= { key: this.#crossingKey, done: false };
    this.reconciled++;
  }

  /** Says what it waits for, in the ledger and to Temporal. */
  async tell({ skips, hopeless, consumers, ...told }: WaitTold): Promise<OpenedWait> {
    setCurrentDetails(`${this.row.id} is ${this.#phase} and waits for ${told.text}`);
    const open = { kind: told.kind, number: null, skips, hopeless, consumers };
    const wait: Wait = { ...told, nextCommands: exitsOf(open, this.operator.facts) };
    const opened = await localLedger.openWait({ step: this.step('wait'), wait });
    this.#sawHead(opened.head);
    return opened;
  }

  async #record(said: SaidVerb): Promise<RecordedVerb & VerbReceipt> {
    const recorded = await localLedger.recordVerb({ step: this.step('verb'), said });
    this.#sawHead(recorded.head);
    return { ...recorded, run: this.row.id, phase: this.#phase };
  }

  /** Of two operators at once, or while the phase moved on: what is illegal by now is nothing. */
  #requestRollback(why: string): void {
    if (this.#crossed || this.isBound || this.#back) return;
    this.#reason = why;
    this.#forward.cancel();
  }

  /** Steps read the consumer in the ledger; a ledger that was set back is told of it. */
  #amend(consumer: ConsumerSpec): void {
    const { spec, targets } = withConsumer({ spec: this.row.spec, targets: this.targets }, consumer);
    this.row = { ...this.row, spec };
    this.targets = targets;
  }

  #sawHead(head: ChainHead): void {
    if (head.position > this.#head.position) this.#head = head;
  }
}
