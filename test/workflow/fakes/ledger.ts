/**
 * Owns a ledger in memory for one credential: fences, recorded outcomes, intents and the audit
 * chain behave as they do in PostgreSQL.
 */
import { randomUUID } from 'node:crypto';
import type { Attempt, Change } from '../../../activities/ports/journal.js';
import type { Ledger } from '../../../activities/ports/ledger.js';
import type { CredentialSpec, JsonObject } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type {
  ChainHead,
  Crossing,
  Note,
  Recorded,
  RunRecord,
  StepRef,
  VersionRecord,
} from '../../../workflows/domain/records.js';
import { type Outcome, transition } from '../../../workflows/domain/states.js';
import { beginIntent, closeNotSent, crossed, type Intent, sentOf, subjectsOf } from './intents.js';

interface Books {
  row: RunRecord | null;
  runId: string;
  fence: number;
  generation: number;
  versions: VersionRecord[];
  outcomes: Record<string, JsonObject>;
  intents: Intent[];
  leases: string[];
  /** Hashes of the audit chain. */
  chain: string[];
}

/** What of the port is needed here: observations are not kept, and nothing is configured. */
type Faked = Pick<
  Ledger,
  | 'open'
  | 'reconcile'
  | 'run'
  | 'versions'
  | 'once'
  | 'ask'
  | 'answered'
  | 'declined'
  | 'openAsks'
  | 'enter'
  | 'tags'
  | 'mayHaveSent'
  | 'deliveredTo'
  | 'undeployed'
  | 'unsettled'
  | 'lease'
  | 'releaseLease'
  | 'releaseLeases'
  | 'note'
  | 'close'
  | 'due'
  | 'openRuns'
>;

const version = (generation: number, state: VersionRecord['state']): VersionRecord => ({
  generation,
  state,
  account: 'account',
  keyId: `key-${generation}`,
  keyName: null,
  origin: generation === 1 ? 'adopted' : 'minted',
  fingerprint: `fingerprint-${generation}`,
  secretRef: `secret-${generation}`,
  ageMs: 0,
  changedMs: 0,
});

export class FakeLedger implements Faked {
  #books: Books = {
    row: null,
    runId: '',
    fence: 0,
    generation: 1,
    versions: [version(1, 'active')],
    outcomes: {},
    intents: [],
    leases: [],
    chain: [],
  };

  constructor(
    private readonly spec: CredentialSpec,
    private readonly stores: RunRecord['stores'],
  ) {}

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

  /** The states of the versions, by generation. */
  get states(): Readonly<Record<number, VersionRecord['state']>> {
    return Object.fromEntries(this.#books.versions.map((v) => [v.generation, v.state]));
  }

  async open({ credential, options, runId, onlyIf }: Parameters<Ledger['open']>[0]) {
    const books = this.#books;
    if (books.row && books.row.outcome === null) {
      if (books.runId !== runId) this.#change({ fence: ++books.fence });
      books.runId = runId;
      return { run: this.row, head: this.#audit(), crossing: this.#crossing() };
    }
    if (onlyIf === 'open') throw new RekeyError('KR_NOT_CALLED_FOR', `no rotation of ${credential} is open`);
    const generation = ++books.generation;
    books.fence++;
    books.runId = runId;
    books.outcomes = {};
    books.intents = [];
    books.row = {
      id: `${credential}#${generation}`,
      credential,
      generation,
      previousGeneration: books.versions.find((v) => v.state === 'active')?.generation ?? null,
      strategy: options.update ? 'update' : this.spec.strategy,
      fence: books.fence,
      phase: 'planned',
      direction: 'forward',
      outcome: null,
      reason: null,
      options,
      spec: this.spec,
      stores: this.stores,
      targets: null,
      paused: false,
      expedited: false,
      exempt: options.without,
      round: 1,
      cutoverAt: null,
    };
    return { run: this.row, head: this.#audit(), crossing: null };
  }

  async reconcile({ run, fence, targets, back, runId }: Parameters<Ledger['reconcile']>[0]) {
    const books = this.#books;
    books.fence = Math.max(books.fence, fence) + 1;
    books.runId = runId;
    books.generation = Math.max(books.generation, run.generation);
    if (books.row?.id !== run.id) {
      books.outcomes = {};
      books.intents = [];
      books.row = { ...run, phase: 'planned', direction: 'forward', targets: null, outcome: null, reason: null, round: 1 };
    }
    this.#change({
      fence: books.fence,
      targets: this.row.targets ?? targets,
      reason: this.row.reason ?? back,
      direction: back === null ? this.row.direction : 'back',
    });
    return { run: this.row, head: this.#audit() };
  }

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

  async note(step: StepRef, note: Note): Promise<ChainHead> {
    // A workflow task that ran out of time runs once more, and finds that it has turned back
    // itself.
    if (this.row.direction === 'back' && this.row.fence === step.fence + 1) return this.#head();
    this.#require(step);
    const { exempt } = this.row;
    if (note.kind === 'turn-back') {
      const crossing = this.#crossing();
      if (crossing) throw new RekeyError('KR_BEYOND_RETURN', `${crossing.key} may have been sent`);
      this.#change({ direction: 'back', reason: note.reason, paused: false, phase: step.phase, fence: ++this.#books.fence });
    } else if (note.kind === 'round') this.#change({ round: note.round });
    else if (note.kind === 'verb' && (note.verb === 'pause' || note.verb === 'resume'))
      this.#change({ paused: note.verb === 'pause' });
    else if (note.kind === 'verb' && note.verb === 'expedite') this.#change({ expedited: true });
    else if (note.kind === 'verb' && note.verb === 'exempt')
      this.#change({ exempt: [...exempt, { consumer: note.consumer!, reason: note.reason ?? '' }] });
    return this.#audit();
  }

  async close(step: StepRef, outcome: Outcome, reason: string | null): Promise<ChainHead> {
    this.#require(step);
    this.#change({ outcome, reason: reason ?? this.row.reason, phase: 'closing' });
    this.#books.leases = [];
    return this.#audit();
  }

  due = async () => [];
  openRuns = async () => {
    const { row } = this.#books;
    return row?.outcome === null ? [{ credential: row.credential, strategy: row.strategy, options: row.options }] : [];
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
    return { result, head: this.#audit() };
  }

  #apply(change: Change): void {
    const { versions } = this.#books;
    if (change.kind === 'add-version') versions.push(version(change.generation, change.state));
    else if (change.kind === 'freeze-targets') this.#change({ targets: this.row.targets ?? change.targets });
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
