/**
 * Owns a ledger in memory for one credential: fences, recorded outcomes, intents and the audit
 * chain behave as they do in PostgreSQL.
 */
import { randomUUID } from 'node:crypto';
import type { Attempt, Change } from '../../../activities/ports/journal.js';
import type { Ledger } from '../../../activities/ports/ledger.js';
import type { CredentialSpec, JsonObject } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { HaltRequest, Settled } from '../../../workflows/domain/incident.js';
import {
  type ChainHead,
  type Crossing,
  canGiveBack,
  type OpenedWait,
  type Recorded,
  type RecordedVerb,
  type RunRecord,
  type SaidVerb,
  type StepRef,
  type VersionRecord,
  type Wait,
} from '../../../workflows/domain/records.js';
import { type Outcome, sequenceOf, transition } from '../../../workflows/domain/states.js';
import { withConsumer } from '../../../workflows/domain/verbs.js';
import { type Books, emptyBooks, type Faked, newRun, version } from './books.js';
import { compromised, type FakeIncident, factsOf } from './incident.js';
import { beginIntent, closeNotSent, crossed, type Intent, sentOf, subjectsOf } from './intents.js';
import { endManual, endPassing, openWait, recordVerb, turnBackOf } from './said.js';

export class FakeLedger implements Faked {
  #books: Books;
  #incident: FakeIncident | null = null;

  constructor(
    private readonly spec: CredentialSpec,
    private readonly standsOn: RunRecord['standsOn'],
    holdsOldSecret = true,
  ) {
    this.#books = emptyBooks(holdsOldSecret);
  }

  /** A copy to set it back to. */
  copy(): Books {
    return structuredClone(this.#books);
  }

  /** Everything that was committed since the copy is lost. */
  setBack(copy: Books): void {
    this.#books = structuredClone(copy);
  }

  get leases(): readonly string[] {
    return this.#books.leases;
  }

  get row(): RunRecord {
    if (!this.#books.row) throw new RekeyError('KR_LEDGER_BEHIND', 'the ledger does not know the rotation');
    return this.#books.row;
  }

  /** What a person is asked for now, the newest last. */
  get asked(): readonly (Wait & { readonly number: number })[] {
    const open = this.#books.said.waits.filter(({ ended, wait }) => ended === null && wait.person);
    return open.map(({ number, wait }) => ({ ...wait, number }));
  }

  /** The states of the versions, by generation. */
  get states(): Readonly<Record<number, VersionRecord['state']>> {
    return Object.fromEntries(this.#books.versions.map((v) => [v.generation, v.state]));
  }

  async open({ credential, options, by, workflowRun, onlyIf }: Parameters<Ledger['open']>[0]) {
    const books = this.#books;
    if (onlyIf === 'held' && books.workflowRun !== workflowRun) throw new RekeyError('KR_FENCED', 'another workflow holds it');
    if (books.row && books.row.outcome === null) {
      if (books.workflowRun !== workflowRun) {
        this.#change({ fence: ++books.fence });
        endPassing(books.said);
      }
      books.workflowRun = workflowRun;
      const said = { turnBack: turnBackOf(books.said), said: books.said.verbs.map((verb) => verb.said.updateId) };
      return { run: this.row, head: this.#audit(), crossing: this.#crossing(), bound: this.#isBound(), ...said };
    }
    if (onlyIf === 'open') throw new RekeyError('KR_NOT_CALLED_FOR', `no rotation of ${credential} is open`);
    const generation = options.update ? null : ++books.generation;
    books.fence++;
    books.workflowRun = workflowRun;
    books.outcomes = {};
    books.intents = [];
    const urgency = options.incident ? (this.#incident?.urgency ?? null) : null;
    books.row = newRun(this.spec, this.standsOn, books, { credential, options, by }, generation, urgency);
    return { run: this.row, head: this.#audit(), crossing: null, bound: false, turnBack: null, said: [] };
  }

  async reconcile({ run, fence, targets, back, workflowRun }: Parameters<Ledger['reconcile']>[0]) {
    const books = this.#books;
    books.fence = Math.max(books.fence, fence) + 1;
    books.workflowRun = workflowRun;
    books.generation = Math.max(books.generation, run.generation ?? 0);
    if (books.row?.id !== run.id) {
      books.outcomes = {};
      books.intents = [];
      books.row = { ...run, phase: 'planned', direction: 'forward', targets: null, outcome: null, reason: null, round: 1 };
    }
    this.#change({
      fence: books.fence,
      spec: run.spec,
      targets: targets ?? this.row.targets,
      reason: this.row.reason ?? back,
      direction: back === null ? this.row.direction : 'back',
    });
    return { run: this.row, head: this.#audit() };
  }

  now = async () => Date.now();
  run = async () => this.row;
  versions = async () => this.#books.versions;

  /** Looks before nothing; the fake effects have nothing to compare. */
  async once<Result extends JsonObject, Before extends JsonObject | null = null>(
    step: StepRef,
    _: unknown,
    body: (attempt: Attempt<Before>) => Promise<Result>,
  ): Promise<Recorded<Result>> {
    this.#require(step);
    const done = this.#outcome<Result>(step);
    if (done) return done;
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
      if (unsent) closeNotSent(this.#books.intents, step.kind);
      throw error;
    }
  }

  async ask(step: StepRef) {
    this.#require(step);
    const done = this.#outcome<JsonObject>(step);
    if (done) return { done };
    const { attempt, tag } = this.#books.intents.find((i) => i.key === step.key && i.closed === null) ?? this.#begin(step, true);
    return { done: null, attempt, tag };
  }

  async answered<Result extends JsonObject>(step: StepRef, attempt: string, result: Result, changes: readonly Change[]) {
    this.endManual(step);
    return this.#outcome<Result>(step) ?? this.#commit(step, attempt, result, changes);
  }

  async declined(step: StepRef): Promise<void> {
    this.#require(step);
    for (const intent of this.#books.intents) if (intent.key === step.key && intent.closed === null) intent.closed = 'not-sent';
  }

  openAsks = async () => this.#books.intents.filter((i) => i.asked && i.closed === null).map(({ key, kind }) => ({ key, kind }));

  async enter(step: StepRef): Promise<void> {
    this.#require(step);
    this.#change({ phase: step.phase });
  }

  tags = async (_: string, kind: string) => sentOf(this.#books.intents, kind).map((i) => i.tag);
  mayHaveSent = async (_: string, kind: string) => sentOf(this.#books.intents, kind).length > 0;
  deliveredTo = async () => subjectsOf(this.#books.intents, 'distribute');
  undeployed = async () => subjectsOf(this.#books.intents, 'undeploy');
  unsettled = async () => 0;

  async lease(step: StepRef, consumer: string) {
    this.#require(step);
    if (!this.#books.leases.includes(consumer)) this.#books.leases.push(consumer);
    return { ledgerId: 'ledger', number: step.fence };
  }

  async releaseLease(consumer: string): Promise<void> {
    this.#books.leases = this.#books.leases.filter((held) => held !== consumer);
  }

  async releaseLeases(): Promise<void> {
    this.#books.leases = [];
  }

  async openWait(step: StepRef, wait: Wait): Promise<OpenedWait> {
    this.#require(step);
    this.#change({ phase: step.phase });
    return { ...openWait(this.#books.said, wait), head: this.#audit() };
  }

  async recordVerb(step: StepRef, said: SaidVerb): Promise<RecordedVerb> {
    const before = this.#books.said.verbs.find((v) => v.said.updateId === said.updateId);
    if (before) return { ...before.recorded, head: this.#head() };
    this.#require(step);
    const recorded = recordVerb(this.#books.said, said, this.row, this.#crossing());
    const { verb, consumer, reason } = said;
    if (recorded.whyNone !== null) return { ...recorded, head: this.#audit() };
    if (verb === 'pause' || verb === 'resume') this.#change({ paused: verb === 'pause' });
    else if (verb === 'expedite') this.#change({ expedited: true });
    else if (verb === 'amend')
      this.#change(withConsumer({ spec: this.row.spec, targets: this.row.targets ?? [] }, said.amended!));
    else if (verb === 'exempt') this.#change({ exempt: [...this.row.exempt, { consumer: consumer!, reason: reason ?? '' }] });
    return { ...recorded, head: this.#audit() };
  }

  async recordEffect(_: string, updateId: string): Promise<void> {
    for (const verb of this.#books.said.verbs) if (verb.said.updateId === updateId) verb.pending = false;
  }

  endManual = ({ key }: StepRef) => endManual(this.#books.said, key);

  async turnBack(step: StepRef, reason: string): Promise<ChainHead> {
    // A workflow task that was lost runs once more, and finds that it has turned back itself.
    if (this.row.direction === 'back' && this.row.fence === step.fence + 1) return this.#head();
    this.#require(step);
    const crossing = this.#crossing();
    if (crossing || this.#isBound()) throw new RekeyError('KR_BEYOND_RETURN', `${crossing?.key} may have been sent`);
    for (const verb of this.#books.said.verbs) verb.pending = false;
    for (const wait of this.#books.said.waits) wait.ended ??= 'over';
    this.#change({ direction: 'back', reason, paused: false, phase: step.phase, fence: ++this.#books.fence });
    return this.#audit();
  }

  async report(): Promise<void> {
    this.#audit();
  }

  async beginRound(step: StepRef, round: number): Promise<ChainHead> {
    this.#require(step);
    this.#change({ round });
    return this.#audit();
  }

  async close(step: StepRef, outcome: Outcome, reason: string | null): Promise<ChainHead> {
    this.#require(step);
    this.#change({ outcome, reason: reason ?? this.row.reason, phase: 'closing' });
    this.#books.leases = [];
    return this.#audit();
  }

  /** Those of its versions have leaked, and the incident asks for them. */
  leak(incident: FakeIncident, generations: readonly number[]): void {
    this.#incident = incident;
    this.#books.versions = compromised(this.#books.versions, generations);
  }

  openIncidents = async () => [];
  incidentRound = async () => this.#incident!.round();
  settleIncident = async (_: string, settled: readonly Settled[]) => this.#incident!.settle(settled);
  incidentState = async () => this.#incident?.state ?? ('open' as const);
  haltIncident = async ({ to }: HaltRequest) => this.#incident!.halt(to);
  tellRun = async () => this.#change({ urgency: this.#incident!.urgency, paused: false });
  versionsToEnd = async () => this.#incident!.versionsToEnd(this.#books.versions);

  leakFacts = () => factsOf(this.spec, this.#books.row, this.#books.said);

  due = async () => [];
  sweep = async () => {
    const { row } = this.#books;
    return row?.outcome === null ? [{ credential: row.credential, sequence: sequenceOf(row), options: row.options }] : [];
  };

  /**
   * As in the product: a ledger that was set back is told from one that another run holds by what
   * it does not know.
   */
  #require(step: StepRef): void {
    const { row } = this;
    if (row.fence < step.fence) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know fence ${step.fence}`);
    if (step.head && this.#books.chain[step.head.position] !== step.head.hash)
      throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know event ${step.head.position}`);
    if (row.fence > step.fence) throw new RekeyError('KR_FENCED', `${row.id} is held by a newer run`);
    if (row.outcome !== null && step.kind !== 'close') throw new RekeyError('KR_FENCED', `${row.id} has ended`);
  }

  #begin(step: StepRef, asked: boolean): Intent {
    this.#change({ phase: step.phase });
    return beginIntent(this.#books.intents, step, asked);
  }

  #commit<Result extends JsonObject>(
    step: StepRef,
    attempt: string,
    result: Result,
    changes: readonly Change[],
  ): Recorded<Result> {
    this.#require(step);
    const intent = this.#books.intents.find((i) => i.attempt === attempt);
    if (intent?.closed !== null) throw new RekeyError('KR_ATTEMPT_LOST', `another attempt of ${step.key} has taken over`);
    intent.closed = 'applied';
    this.#books.outcomes[step.key] = result;
    for (const change of changes) this.#apply(change);
    this.#incident?.learn(this.row.credential, changes);
    return { result, head: this.#audit() };
  }

  #apply(change: Change): void {
    const { versions } = this.#books;
    if (change.kind === 'add-version') versions.push(version(change.generation, change.state));
    else if (change.kind === 'freeze-targets') this.#change({ targets: this.row.targets ?? change.targets });
    else if (change.kind === 'freeze-identities') this.#change({ identities: this.row.identities ?? change.identities });
    else if (change.kind === 'move-version')
      this.#books.versions = versions.map((v) =>
        v.generation === change.generation ? { ...v, state: transition(v.state, change.event) } : v,
      );
  }

  #outcome<Result extends JsonObject>(step: StepRef): Recorded<Result> | null {
    const result = this.#books.outcomes[step.key] as Result | undefined;
    return result ? { result, head: this.#head() } : null;
  }

  #crossing(): Crossing | null {
    const key = crossed(this.#books.intents);
    return key === null ? null : { key, done: key in this.#books.outcomes };
  }

  #isBound(): boolean {
    const handed = subjectsOf(this.#books.intents, 'distribute').filter(
      (name) => !this.row.exempt.some((e) => e.consumer === name),
    );
    return !canGiveBack(this.#books.versions[0]!) && this.row.strategy === 'overlap' && handed.length > 0;
  }

  #change(change: Partial<RunRecord>): void {
    this.#books.row = { ...this.row, ...change };
  }

  #audit(): ChainHead {
    this.#books.chain.push(randomUUID());
    return this.#head();
  }

  #head(): ChainHead {
    const position = this.#books.chain.length - 1;
    return { position, hash: this.#books.chain[position]! };
  }
}
