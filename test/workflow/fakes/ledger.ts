/**
 * Owns a ledger in memory for one credential: its runs, what operators said to them, and the
 * incidents that name it.
 */
import type { Ledger } from '../../../activities/ports/ledger.js';
import type { CredentialSpec } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { HaltRequest, Settled } from '../../../workflows/domain/incident.js';
import type {
  ChainHead,
  OpenedWait,
  RecordedVerb,
  RunRecord,
  SaidVerb,
  StepRef,
  Wait,
} from '../../../workflows/domain/records.js';
import { type Outcome, sequenceOf } from '../../../workflows/domain/states.js';
import { withConsumer } from '../../../workflows/domain/verbs.js';
import { type Faked, newRun } from './books.js';
import { compromised, type FakeIncident, factsOf, toEnd } from './incident.js';
import { FakeJournal } from './journal.js';
import { endAll, endPassing, openWait, recordVerb, turnBackOf } from './said.js';

export class FakeLedger extends FakeJournal implements Faked {
  constructor(
    private readonly spec: CredentialSpec,
    private readonly standsOn: RunRecord['standsOn'],
    holdsOldSecret = true,
  ) {
    super(holdsOldSecret);
  }

  get credential(): string {
    return this.spec.name;
  }

  get leases(): readonly string[] {
    return this.books.leases;
  }

  /** Whether no run is open, and none was ever opened that is. */
  get isClosed(): boolean {
    return this.books.row?.outcome !== null;
  }

  /** What a person is asked for now, the newest last. */
  get asked(): readonly (Wait & { readonly number: number })[] {
    const open = this.books.said.waits.filter(({ ended, wait }) => ended === null && wait.person);
    return open.map(({ number, wait }) => ({ ...wait, number }));
  }

  async open({ credential, options, by, workflowRun, onlyIf }: Parameters<Ledger['open']>[0]) {
    const { books } = this;
    if (onlyIf === 'held' && books.workflowRun !== workflowRun) throw new RekeyError('KR_FENCED', 'another workflow holds it');
    if (books.row && books.row.outcome === null) {
      if (JSON.stringify(books.row.options) !== JSON.stringify(options))
        throw new RekeyError('KR_ALREADY_OPEN', `${books.row.id} is open with other options`);
      if (books.workflowRun !== workflowRun) {
        this.change({ fence: ++books.fence });
        endPassing(books.said);
      }
      books.workflowRun = workflowRun;
      const said = { turnBack: turnBackOf(books.said), said: books.said.verbs.map((verb) => verb.said.updateId) };
      return { run: this.row, head: this.audit(), crossing: this.crossing(), bound: this.isBound(), ...said };
    }
    if (onlyIf === 'open') throw new RekeyError('KR_NOT_CALLED_FOR', `no rotation of ${credential} is open`);
    const urgency = options.incident ? this.#incidentOf(options.incident).urgencyFor(this) : null;
    const generation = options.update ? null : ++books.generation;
    books.fence++;
    books.workflowRun = workflowRun;
    const ran = books.outcomes['remember-running']?.running as readonly string[] | undefined;
    books.leftDown = books.row?.outcome === 'superseded' ? (ran ?? []) : [];
    books.outcomes = {};
    books.intents = [];
    books.said = { waits: [], verbs: [] };
    books.row = newRun(this.spec, this.standsOn, books, { credential, options, by }, generation, urgency);
    return { run: this.row, head: this.audit(), crossing: null, bound: this.isBound(), turnBack: null, said: [] };
  }

  async reconcile({ run, fence, targets, back, workflowRun }: Parameters<Ledger['reconcile']>[0]) {
    const { books } = this;
    books.fence = Math.max(books.fence, fence) + 1;
    books.workflowRun = workflowRun;
    books.generation = Math.max(books.generation, run.generation ?? 0);
    if (books.row?.id !== run.id) {
      books.outcomes = {};
      books.intents = [];
      books.row = { ...run, phase: 'planned', direction: 'forward', targets: null, outcome: null, reason: null, round: 1 };
    }
    this.change({
      fence: books.fence,
      spec: run.spec,
      targets: targets ?? this.row.targets,
      reason: this.row.reason ?? back,
      direction: back === null ? this.row.direction : 'back',
    });
    return { run: this.row, head: this.audit() };
  }

  now = async () => Date.now();
  run = async () => this.row;
  versions = async () => this.books.versions;

  async lease(step: StepRef, consumer: string) {
    this.require(step);
    if (!this.books.leases.includes(consumer)) this.books.leases.push(consumer);
    return { ledgerId: 'ledger', number: step.fence };
  }

  async releaseLease(consumer: string): Promise<void> {
    this.books.leases = this.books.leases.filter((held) => held !== consumer);
  }

  async releaseLeases(): Promise<void> {
    this.books.leases = [];
  }

  async openWait(step: StepRef, wait: Wait): Promise<OpenedWait> {
    this.require(step);
    this.change({ phase: step.phase });
    return { ...openWait(this.books.said, wait), head: this.audit() };
  }

  async recordVerb(step: StepRef, said: SaidVerb): Promise<RecordedVerb> {
    const before = this.books.said.verbs.find((v) => v.said.updateId === said.updateId);
    if (before) return { ...before.recorded, head: this.head() };
    this.require(step);
    const recorded = recordVerb(this.books.said, said, this.row, this.#noReturn());
    const { verb, consumer, reason } = said;
    if (recorded.whyNone !== null) return { ...recorded, head: this.audit() };
    if (verb === 'pause' || verb === 'resume') this.change({ paused: verb === 'pause' });
    else if (verb === 'expedite') this.change({ expedited: true });
    else if (verb === 'amend') this.change(withConsumer({ spec: this.row.spec, targets: this.row.targets ?? [] }, said.amended!));
    else if (verb === 'exempt') this.change({ exempt: [...this.row.exempt, { consumer: consumer!, reason: reason ?? '' }] });
    return { ...recorded, head: this.audit() };
  }

  async recordEffect(_: string, updateId: string): Promise<void> {
    for (const verb of this.books.said.verbs) if (verb.said.updateId === updateId) verb.pending = false;
  }

  async turnBack(step: StepRef, reason: string): Promise<ChainHead> {
    // A workflow task that was lost runs once more, and finds that it has turned back itself.
    if (this.row.direction === 'back' && this.row.fence === step.fence + 1) return this.head();
    this.require(step);
    const noReturn = this.#noReturn();
    if (noReturn !== null) throw new RekeyError('KR_BEYOND_RETURN', noReturn);
    endAll(this.books.said);
    this.change({ direction: 'back', reason, paused: false, phase: step.phase, fence: ++this.books.fence });
    return this.audit();
  }

  async report(): Promise<void> {
    this.audit();
  }

  async beginRound(step: StepRef, round: number): Promise<ChainHead> {
    this.require(step);
    this.change({ round });
    return this.audit();
  }

  async close(step: StepRef, outcome: Outcome, reason: string | null): Promise<ChainHead> {
    this.require(step);
    this.change({ outcome, reason: reason ?? this.row.reason, phase: 'closing' });
    endAll(this.books.said);
    this.books.leases = [];
    const { id, urgency } = this.row;
    this.books.ended.push({ id, outcome, reason: this.row.reason, incident: urgency?.incident ?? null });
    return this.audit();
  }

  /** Those of its versions have leaked, and the incident asks for them. */
  leak(incident: FakeIncident, generations: readonly number[]): void {
    this.books.incidents.push(incident);
    this.books.versions = compromised(this.books.versions, generations);
  }

  openIncidents = async () => [];
  incidentRound = async (incident: string) => this.#incidentOf(incident).round();
  settleIncident = async (incident: string, settled: readonly Settled[]) => this.#incidentOf(incident).settle(settled);
  incidentState = async (incident: string) => this.#incidentOf(incident).state;
  haltIncident = async ({ incident, to }: HaltRequest) => this.#incidentOf(incident).halt(to);
  versionsToEnd = async () => toEnd(this.books, this);

  /** What it waited for is over, and nothing that was said before holds it up. */
  async tellRun(incident: string): Promise<void> {
    if (this.isClosed) return;
    this.change({ urgency: this.#incidentOf(incident).urgencyFor(this), paused: false });
    endAll(this.books.said);
  }

  leakFacts = (asks: string) => factsOf(this.spec, this.books, asks);

  due = async () => [];
  sweep = async () => {
    const { row } = this.books;
    return row?.outcome === null ? [{ credential: row.credential, sequence: sequenceOf(row), options: row.options }] : [];
  };

  #incidentOf(name: string): FakeIncident {
    const found = this.books.incidents.find(({ id }) => id === name);
    if (!found) throw new RekeyError('KR_NOT_FOUND', name);
    return found;
  }

  #noReturn(): string | null {
    const crossing = this.crossing();
    if (crossing) return `${crossing.key} may have been sent`;
    return this.isBound() ? 'consumers may hold the new key, and there is nothing to give back' : null;
  }
}
