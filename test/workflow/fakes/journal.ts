/**
 * Owns the journal of a ledger in memory: fences, intents, recorded outcomes and the audit chain
 * behave as they do in PostgreSQL.
 */
import { randomUUID } from 'node:crypto';
import type { Attempt, Change, OnceOptions } from '../../../activities/ports/journal.js';
import type { JsonObject } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { approvalKey, type Leave, mayBegin } from '../../../workflows/domain/leave.js';
import {
  type ChainHead,
  type Crossing,
  canGiveBack,
  type Recorded,
  type RunRecord,
  type StepRef,
  type VersionRecord,
} from '../../../workflows/domain/records.js';
import { transition, type VersionState } from '../../../workflows/domain/states.js';
import { type Books, emptyBooks, version } from './books.js';
import { learn } from './incident.js';
import { beginIntent, closeNotSent, crossed, type Intent, sentOf, subjectsOf } from './intents.js';

/** What an incident that is stopped forbids. */
const takesOrGives = ['mint', 'disable', 'revoke', 'contain'];

export class FakeJournal {
  protected books: Books;
  /** What must never be begun, and was. */
  readonly harm: string[] = [];

  constructor(holdsOldSecret: boolean) {
    this.books = emptyBooks(holdsOldSecret);
  }

  /** A copy to set it back to; incidents are none of it. */
  copy(): Books {
    return structuredClone({ ...this.books, incidents: [] });
  }

  /** Everything that was committed since the copy is lost. */
  setBack(copy: Books): void {
    this.books = { ...structuredClone(copy), incidents: this.books.incidents };
  }

  get row(): RunRecord {
    if (!this.books.row) throw new RekeyError('KR_LEDGER_BEHIND', 'the ledger does not know the rotation');
    return this.books.row;
  }

  /** The states of the versions, by generation. */
  get states(): Readonly<Record<number, VersionState>> {
    return Object.fromEntries(this.books.versions.map((v) => [v.generation, v.state]));
  }

  versionOf(generation: number): VersionRecord | undefined {
    return this.books.versions.find((v) => v.generation === generation);
  }

  /** Looks before nothing; the fake effects have nothing to compare. */
  async once<Result extends JsonObject, Before extends JsonObject | null = null>(
    step: StepRef,
    options: Pick<OnceOptions, 'leave'> | null,
    body: (attempt: Attempt<Before>) => Promise<Result>,
  ): Promise<Recorded<Result>> {
    this.require(step);
    const done = this.outcome<Result>(step);
    if (done) return done;
    if (options?.leave) this.#requireLeave(step, options.leave);
    const intent = this.#begin(step, false);
    const changes: Change[] = [];
    let unsent = false;
    try {
      const result = await body({
        id: intent.attempt,
        tag: intent.tag,
        earlier: [],
        before: null as Before,
        signal: new AbortController().signal,
        beforeSending: () => undefined,
        markUnsent: () => {
          unsent = true;
        },
        stage: (change) => void changes.push(change),
      });
      return this.#commit(step, intent.attempt, result, changes);
    } catch (error) {
      if (unsent) closeNotSent(this.books.intents, step.kind);
      throw error;
    }
  }

  async ask(step: StepRef) {
    this.require(step);
    const done = this.outcome<JsonObject>(step);
    if (done) return { done };
    const { attempt, tag } = this.books.intents.find((i) => i.key === step.key && i.closed === null) ?? this.#begin(step, true);
    return { done: null, attempt, tag };
  }

  async answered<Result extends JsonObject>(step: StepRef, attempt: string, result: Result, changes: readonly Change[]) {
    this.endManual(step);
    return this.outcome<Result>(step) ?? this.#commit(step, attempt, result, changes);
  }

  endManual({ key }: StepRef): void {
    for (const wait of this.books.said.waits) if (wait.wait.kind === 'manual' && wait.wait.step === key) wait.ended ??= 'over';
  }

  async declined(step: StepRef): Promise<void> {
    this.require(step);
    for (const intent of this.books.intents) if (intent.key === step.key && intent.closed === null) intent.closed = 'not-sent';
  }

  openAsks = async () => this.books.intents.filter((i) => i.asked && i.closed === null).map(({ key, kind }) => ({ key, kind }));

  async enter(step: StepRef): Promise<void> {
    this.require(step);
    this.change({ phase: step.phase });
  }

  tags = async (_: string, kind: string) => sentOf(this.books.intents, kind).map((i) => i.tag);
  mayHaveSent = async (_: string, kind: string) => sentOf(this.books.intents, kind).length > 0;
  deliveredTo = async () => subjectsOf(this.books.intents, 'distribute');
  /** The programs that the superseded run before this one had found running. */
  leftDown = async () => this.books.leftDown;
  undeployed = async () => subjectsOf(this.books.intents, 'undeploy');
  unsettled = async () => 0;

  protected crossing(): Crossing | null {
    const key = crossed(this.books.intents);
    return key === null ? null : { key, done: key in this.books.outcomes };
  }

  /** Consumers may hold the new version, and there is nothing to give back to them. */
  protected isBound(): boolean {
    const { direction, exempt, previousGeneration, strategy } = this.row;
    const old = this.versionOf(previousGeneration!);
    if (direction === 'back') return false;
    if (strategy === 'in-place') return this.books.leftDown.length > 0;
    if (!old || canGiveBack(old)) return false;
    const left = new Set(exempt.map((e) => e.consumer));
    return subjectsOf(this.books.intents, 'distribute').some((name) => !left.has(name));
  }

  /**
   * As in the product: a ledger that was set back is told from one that another run holds by what
   * it does not know.
   */
  protected require(step: StepRef): void {
    const { row } = this;
    if (row.fence < step.fence) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know fence ${step.fence}`);
    if (step.head && this.books.chain[step.head.position] !== step.head.hash)
      throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know event ${step.head.position}`);
    if (row.fence > step.fence) throw new RekeyError('KR_FENCED', `${row.id} is held by a newer run`);
    if (row.outcome !== null && step.kind !== 'close') throw new RekeyError('KR_FENCED', `${row.id} has ended`);
  }

  protected change(change: Partial<RunRecord>): void {
    this.books.row = { ...this.row, ...change };
  }

  protected audit(): ChainHead {
    this.books.chain.push(randomUUID());
    return this.head();
  }

  protected head(): ChainHead {
    const position = this.books.chain.length - 1;
    return { position, hash: this.books.chain[position]! };
  }

  protected outcome<Result extends JsonObject>(step: StepRef): Recorded<Result> | null {
    const result = this.books.outcomes[step.key] as Result | undefined;
    return result ? { result, head: this.head() } : null;
  }

  /** Windows are none of it. */
  #requireLeave({ key, kind }: StepRef, leave: Leave): void {
    const mayBeOut = this.books.intents.filter(({ closed }) => closed !== 'not-sent');
    if (leave.together && mayBeOut.some((i) => i.kind === kind)) return;
    const { direction, paused, round, spec, urgency } = this.row;
    const halted = this.#isHalted() && this.crossing() === null;
    const repeated = mayBeOut.some((i) => i.key === key);
    const gate = approvalKey(leave.gate, round);
    const approved = this.books.said.waits.some(({ wait, ended }) => wait.step === gate && ended === 'approve');
    const asked = { direction, paused, approved, halted, repeated };
    const facts = { ...asked, outsideWindow: true, urgent: urgency !== null, now: Date.now() };
    const decision = mayBegin(leave, spec, facts);
    if (!decision.ok) throw new RekeyError('KR_NOT_NOW', `${decision.reason}: ${decision.message}`);
  }

  #isHalted(): boolean {
    const { urgency } = this.row;
    const incident = this.books.incidents.find(({ id }) => id === urgency?.incident);
    return incident !== undefined && incident.state !== 'open';
  }

  #begin(step: StepRef, asked: boolean): Intent {
    if (takesOrGives.includes(step.kind) && this.#isHalted() && this.crossing() === null && this.row.direction === 'forward')
      this.harm.push(`${step.key} was begun although its incident stands still`);
    this.change({ phase: step.phase });
    return beginIntent(this.books.intents, step, asked);
  }

  #commit<Result extends JsonObject>(
    step: StepRef,
    attempt: string,
    result: Result,
    changes: readonly Change[],
  ): Recorded<Result> {
    this.require(step);
    const intent = this.books.intents.find((i) => i.attempt === attempt);
    if (intent?.closed !== null) throw new RekeyError('KR_ATTEMPT_LOST', `another attempt of ${step.key} has taken over`);
    intent.closed = 'applied';
    this.books.outcomes[step.key] = result;
    for (const change of changes) this.#apply(change);
    learn(this.books.incidents, this.row, changes);
    return { result, head: this.audit() };
  }

  #apply(change: Change): void {
    const { versions } = this.books;
    if (change.kind === 'add-version') versions.push(version(change.generation, change.state));
    else if (change.kind === 'freeze-targets') this.change({ targets: this.row.targets ?? change.targets });
    else if (change.kind === 'freeze-identities') this.change({ identities: this.row.identities ?? change.identities });
    else if (change.kind === 'move-version')
      this.books.versions = versions.map((v) =>
        v.generation === change.generation ? moved(v, transition(v.state, change.event)) : v,
      );
  }
}

/** The database refuses to make one active that has leaked. */
function moved(version: VersionRecord, state: VersionState): VersionRecord {
  if (state === 'active' && version.compromised && version.state !== 'active')
    throw new RekeyError('KR_INTERNAL', `generation ${version.generation} has leaked`);
  return { ...version, state };
}
