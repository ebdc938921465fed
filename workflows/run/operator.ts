/**
 * Owns what operators have said to one run: which verbs are legal now, which were taken, and what
 * waits for them.
 */
import { ApplicationFailure, condition, currentUpdateInfo, setHandler } from '@temporalio/workflow';
import { legalVerbsQuery, provideUpdate, type VerbMessage, type VerbReceipt, verbUpdates } from '../contract.js';
import type { ConsumerSpec } from '../domain/credential.js';
import type { ProvideReceipt, ProvideRequest } from '../domain/manual.js';
import type { RecordedVerb, RunRecord, SaidVerb } from '../domain/records.js';
import { answers, becauseOf, mayVerb, type Verb, type VerbFacts, type VerbRequest, verbs } from '../domain/verbs.js';
import { legalVerbs, type OpenWait } from '../domain/waits.js';
import { codeOf, messageOf } from '../failures.js';

export interface OperatorPorts {
  /** What only the run knows. */
  facts(): Omit<VerbFacts, 'waits' | 'paused' | 'expedited'>;
  /** Commits the verb before it takes effect, and judges it once more. */
  record(said: SaidVerb): Promise<RecordedVerb & VerbReceipt>;
  recordEffect(updateId: string, whyNone: string | null): Promise<void>;
  requestRollback(why: string): void;
  amend(consumer: ConsumerSpec): void;
}

type Taken<Result> = { readonly result: Result } | { readonly refused: string };

/** Something that the run stands still for, and the verb that has ended it. */
interface Standing extends OpenWait {
  /** `anew`: the plan was changed, so that another answer has to be asked for. */
  ended: Verb | 'anew' | null;
  /** Looks at what was handed in. */
  readonly take?: (request: ProvideRequest) => Promise<Taken<unknown>>;
  /** What came of what a person was asked for. */
  answer: { readonly result: unknown } | { readonly declined: string } | null;
}

export class Operator {
  readonly exempt: Set<string>;
  paused: boolean;
  expedited: boolean;
  readonly #run: string;
  readonly #standing = new Set<Standing>();
  /** Numbers of waits that were ended, and by which verb. */
  readonly #ended = new Map<number, Verb | 'anew'>();
  #asking = false;
  #taking = 0;
  #behind = false;

  /** `said`: ids of updates that are on record; sent again, they get the answer that they had. */
  constructor(
    row: RunRecord,
    private readonly said: readonly string[],
    private readonly ports: OperatorPorts,
  ) {
    this.#run = row.id;
    this.exempt = new Set(row.exempt.map((e) => e.consumer));
    this.paused = row.paused;
    this.expedited = row.expedited;
    setHandler(legalVerbsQuery, () => legalVerbs(this.#facts()));
    for (const verb of verbs) this.#listen(verb);
    this.#listenToProvide();
  }

  /** What the table of verbs knows, apart from what is waited for. */
  get facts(): Omit<VerbFacts, 'waits'> {
    return { ...this.ports.facts(), paused: this.paused, expedited: this.expedited };
  }

  /** A person is asked for one thing at a time. */
  async oneByOne<Result>(ask: () => Promise<Result>): Promise<Result> {
    while (this.#asking) await this.#until(() => !this.#asking);
    this.#asking = true;
    try {
      return await ask();
    } finally {
      this.#asking = false;
    }
  }

  /**
   * Waits for a person who carries an effect out: until what was done is taken, or declined.
   * `overdue` is called when that takes long.
   */
  async awaitAnswer<Result>(
    take: (request: ProvideRequest) => Promise<Taken<Result>>,
    milliseconds: number,
    overdue: () => Promise<unknown>,
  ): Promise<{ readonly result: Result } | { readonly declined: string }> {
    return this.#stand({ kind: 'manual', number: null }, take, async (standing) => {
      const isAnswered = () => standing.answer !== null;
      if (!(await this.#until(isAnswered, milliseconds))) {
        await overdue();
        await this.#until(isAnswered);
      }
      return standing.answer as { result: Result } | { declined: string };
    });
  }

  /**
   * Until every verb that was accepted is obeyed: an abort that was legal when it came must not be
   * overtaken by what it is to prevent.
   */
  obeyed(): Promise<void> {
    return condition(() => this.#taking === 0);
  }

  /**
   * Waits for an approval of this very wait; `overdue` is called when none comes in time. False:
   * the plan was changed, and another approval has to be asked for.
   */
  atGate(number: number, milliseconds: number, overdue: () => Promise<unknown>): Promise<boolean> {
    return this.#stand({ kind: 'approval', number }, undefined, async (standing) => {
      const isOver = () => standing.ended !== null;
      if (!(await this.#until(isOver, milliseconds))) {
        // One that is being written down came in time.
        await this.obeyed();
        if (!isOver()) {
          await overdue();
          await this.#until(isOver);
        }
      }
      return standing.ended !== 'anew';
    });
  }

  /** A ledger that was set back counts its waits anew. */
  reconciled(): void {
    this.#ended.clear();
    this.#behind = false;
  }

  resumed(number: number): Promise<void> {
    return this.#stand({ kind: 'pause', number }, undefined, () => this.#until(() => !this.paused).then(() => undefined));
  }

  /** Until a step that failed for good is to be repeated, or may be left out. */
  held(wait: OpenWait & { readonly kind: 'operator' }): Promise<'repeat' | 'leave-out'> {
    return this.#stand(wait, undefined, async (standing) => {
      await this.#until(() => standing.ended !== null);
      return standing.ended === 'skip' && standing.skips ? 'leave-out' : 'repeat';
    });
  }

  /** Runs `wait`, which ends early where it asks `skipped` and an operator has said so. */
  skippably<Result>(wait: OpenWait, run: (skipped: Promise<void>) => Promise<Result>): Promise<Result> {
    return this.#stand({ ...wait, skips: true }, undefined, (standing) =>
      run(this.#until(() => standing.ended !== null).then(() => undefined)),
    );
  }

  /** Until the time is over, or an operator does not want to wait for it. */
  baked(number: number, milliseconds: number): Promise<void> {
    return this.#stand({ kind: 'bake', number, skips: true }, undefined, async (standing) => {
      await this.#until(() => standing.ended !== null || this.expedited, milliseconds);
    });
  }

  whenExpedited(): Promise<void> {
    return condition(() => this.expedited);
  }

  whenExempted(...consumers: readonly string[]): Promise<void> {
    return condition(() => consumers.some((consumer) => this.exempt.has(consumer)));
  }

  async #stand<Result>(wait: OpenWait, take: Standing['take'], until: (standing: Standing) => Promise<Result>): Promise<Result> {
    // Ended while it was told of once more.
    const ended = wait.number === null ? null : (this.#ended.get(wait.number) ?? null);
    const standing: Standing = { ...wait, ended, answer: null, ...(take && { take }) };
    this.#standing.add(standing);
    try {
      return await until(standing);
    } finally {
      this.#standing.delete(standing);
    }
  }

  /** Throws KR_LEDGER_BEHIND where that came out while a person was listened to. */
  async #until(holds: () => boolean, milliseconds?: number): Promise<boolean> {
    const isOver = () => this.#behind || holds();
    const over = milliseconds === undefined ? condition(isOver).then(() => true) : condition(isOver, milliseconds);
    const isOverInTime = await over;
    if (this.#behind) throw ApplicationFailure.nonRetryable('the ledger was set back', 'KR_LEDGER_BEHIND');
    return isOverInTime;
  }

  #listen(verb: Verb): void {
    const take = async (request: VerbRequest): Promise<VerbReceipt> => {
      this.#taking++;
      try {
        const { by: who, reason, consumer, wait, amended } = request;
        const named = { wait: this.#answered(verb, wait), ...(amended && { amended }) };
        const said = { updateId: updateId(), verb, who, reason, consumer, ...named };
        const recorded = await this.#recorded(said);
        if (recorded.whyNone !== null) {
          // The plan was changed under the gate: what is said to the old one passes none.
          if (recorded.anew) this.#end(said.wait, 'anew');
          throw illegal(recorded.whyNone, 'moved-on');
        }
        if (!recorded.saidBefore) this.#obey(verb, request, recorded);
        return { run: recorded.run, phase: recorded.phase };
      } finally {
        this.#taking--;
      }
    };
    const validator = (request: VerbMessage) => {
      this.#requireOurs(request);
      if (this.said.includes(updateId())) return;
      const decision = mayVerb(verb, this.#facts(), request);
      if (!decision.ok) throw illegal(decision.message, decision.reason);
    };
    setHandler(verbUpdates[verb], take, { validator });
  }

  #listenToProvide(): void {
    const take = async (request: ProvideRequest): Promise<ProvideReceipt> => {
      const asked = this.#asked()!;
      const { by: who, wait } = request;
      const said = { updateId: updateId(), verb: 'provide', who, wait, reason: null, consumer: null } as const;
      const { run, whyNone, saidBefore } = await this.#recorded(said);
      if (whyNone !== null) throw illegal(whyNone, 'moved-on');
      // Said to an earlier workflow, which took it: what is asked for now is something else.
      if (saidBefore) return { run, taken: true, message: itHolds };
      const taken = await this.#taken(asked, request, said);
      await this.ports.recordEffect(said.updateId, 'refused' in taken ? taken.refused : null);
      if ('refused' in taken) return { run, taken: false, message: taken.refused };
      asked.answer = taken;
      return { run, taken: true, message: itHolds };
    };
    const validator = (request: ProvideRequest) => {
      this.#requireOurs(request);
      if (!this.#asked()) throw illegal('nobody was asked to do anything', 'nothing-asked');
    };
    setHandler(provideUpdate, take, { validator });
  }

  /** A look that was lost is none: the answer had no effect, and can be given again. */
  async #taken({ take }: Standing, request: ProvideRequest, { updateId: id }: SaidVerb): Promise<Taken<unknown>> {
    try {
      return await take!(request);
    } catch (error) {
      this.#behind ||= codeOf(error) === 'KR_LEDGER_BEHIND';
      await this.ports.recordEffect(id, messageOf(error));
      throw error;
    }
  }

  #asked(): Standing | undefined {
    return [...this.#standing].find(({ take, answer }) => take && answer === null);
  }

  /** The wait that a verb is meant for: the one that was named, or the one that there is. */
  #answered(verb: Verb, named: number | null): number | null {
    return named ?? [...this.#standing].find((wait) => answers(verb, wait))?.number ?? null;
  }

  async #recorded(said: SaidVerb): Promise<RecordedVerb & VerbReceipt> {
    try {
      return await this.ports.record(said);
    } catch (error) {
      // Nothing else asks the ledger while a person is waited for.
      this.#behind ||= codeOf(error) === 'KR_LEDGER_BEHIND';
      throw error;
    }
  }

  #end(number: number | null, by: Verb | 'anew'): void {
    for (const wait of this.#standing) if (wait.number === number && wait.ended === null) wait.ended = by;
  }

  #obey(verb: Verb, { by, reason, consumer, amended }: VerbRequest, { ends, turns }: RecordedVerb): void {
    // What was asked of another plan is asked anew.
    const ended = verb === 'amend' ? 'anew' : verb;
    for (const number of ends) {
      this.#ended.set(number, ended);
      this.#end(number, ended);
    }
    // What a step has told of has its number in the ledger alone.
    for (const wait of this.#standing) if (wait.number === null && answers(verb, wait)) wait.ended = verb;
    switch (verb) {
      case 'reject':
      case 'abort':
        if (turns) this.ports.requestRollback(becauseOf(verb, by, reason));
        else for (const asked of this.#standing) if (asked.take) asked.answer ??= { declined: becauseOf(verb, by, reason) };
        return;
      case 'pause':
      case 'resume':
        this.paused = verb === 'pause';
        return;
      case 'expedite':
        this.expedited = true;
        return;
      case 'amend':
        this.ports.amend(amended!);
        return;
      case 'exempt':
        this.exempt.add(consumer!);
        return;
      case 'approve':
      case 'retry':
      case 'skip':
        return;
      default:
        // A verb that nothing here obeys would be recorded as if it had an effect.
        verb satisfies never;
    }
  }

  #requireOurs({ run }: { readonly run: string }): void {
    if (run !== this.#run) throw illegal(`it was said to ${run}, and this is ${this.#run}`, 'moved-on');
  }

  #facts(): VerbFacts {
    return { ...this.facts, waits: [...this.#standing].filter(({ ended, answer }) => ended === null && answer === null) };
  }
}

const itHolds = 'it holds, and the rotation goes on';

/** Temporal's own id of the update that is being taken. */
const updateId = (): string => currentUpdateInfo()!.id;

function illegal(message: string, reason: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'KR_VERB_ILLEGAL', reason);
}
