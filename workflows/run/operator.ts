/**
 * Owns what operators have said to one run: which verbs are legal now, which were taken, and what
 * waits for them.
 */
import { ApplicationFailure, condition, currentUpdateInfo, setHandler } from '@temporalio/workflow';
import { legalVerbsQuery, provideUpdate, type VerbMessage, type VerbReceipt, verbUpdates } from '../contract.js';
import type { ConsumerSpec, Gate } from '../domain/credential.js';
import type { ProvideReceipt, ProvideRequest } from '../domain/manual.js';
import type { RecordedVerb, RunRecord, SaidVerb } from '../domain/records.js';
import {
  answersApproval,
  becauseOf,
  legalVerbs,
  mayVerb,
  type Verb,
  type VerbFacts,
  type VerbRequest,
  verbs,
} from '../domain/verbs.js';

export interface OperatorPorts {
  /** What only the run knows. */
  facts(): Pick<VerbFacts, 'sequence' | 'phase' | 'direction' | 'crossed' | 'consumers' | 'untouched'>;
  /** Commits the verb before it takes effect, and judges it once more. */
  record(said: SaidVerb): Promise<RecordedVerb & VerbReceipt>;
  recordEffect(updateId: string, whyNone: string | null): Promise<void>;
  requestRollback(why: string): void;
  amend(consumer: ConsumerSpec): void;
}

/** An effect that a person was asked for, and what became of it. */
interface Answering {
  readonly take: (request: ProvideRequest) => Promise<{ readonly result: unknown } | { readonly refused: string }>;
  answer: { readonly result: unknown } | { readonly declined: string } | null;
}

export class Operator {
  readonly exempt: Set<string>;
  /** The approval that it waits for. */
  gate: { readonly gate: Gate; readonly wait: number } | null = null;
  skippable: 'bake' | 'prove-dead' | null = null;
  waitsForOperator = false;
  paused: boolean;
  expedited: boolean;
  readonly #run: string;
  #answering: Answering | null = null;
  #asking = false;
  #taking = 0;
  readonly #approved = new Set<number>();
  /** Waits for an approval of a plan that is another one by now. */
  readonly #replanned = new Set<number>();
  #retried = false;
  #skipped = false;

  constructor(
    row: RunRecord,
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

  /** A person is asked for one thing at a time. */
  async oneByOne<Result>(ask: () => Promise<Result>): Promise<Result> {
    while (this.#asking) await condition(() => !this.#asking);
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
    take: (request: ProvideRequest) => Promise<{ readonly result: Result } | { readonly refused: string }>,
    milliseconds: number,
    overdue: () => Promise<unknown>,
  ): Promise<{ readonly result: Result } | { readonly declined: string }> {
    const answering: Answering = { take, answer: null };
    const awaitSettled = () => answering.answer !== null;
    this.#answering = answering;
    try {
      if (!(await condition(awaitSettled, milliseconds))) {
        await overdue();
        await condition(awaitSettled);
      }
      return answering.answer as { result: Result } | { declined: string };
    } finally {
      this.#answering = null;
    }
  }

  /**
   * Until every verb that was accepted is obeyed: an abort that was legal when it came must not be
   * overtaken by what it is to prevent.
   */
  obeyed(): Promise<void> {
    return condition(() => this.#taking === 0);
  }

  /**
   * What became of this very wait for an approval; `late`: nothing, within so many milliseconds.
   */
  async answered(wait: number, milliseconds?: number): Promise<'approved' | 'replanned' | 'late'> {
    const said = () => this.#approved.has(wait) || this.#replanned.has(wait);
    if (milliseconds === undefined) await condition(said);
    else if (!(await condition(said, milliseconds))) return 'late';
    return this.#approved.has(wait) ? 'approved' : 'replanned';
  }

  /** A ledger that was set back counts its waits anew. */
  forgetApprovals(): void {
    this.#approved.clear();
    this.#replanned.clear();
  }

  resumed(): Promise<void> {
    return condition(() => !this.paused);
  }

  async retried(): Promise<void> {
    this.waitsForOperator = true;
    this.#retried = false;
    await condition(() => this.#retried);
    this.waitsForOperator = false;
  }

  /** Lets a wait be skipped while it lasts. */
  async skippably<Result>(what: 'bake' | 'prove-dead', wait: () => Promise<Result>): Promise<Result> {
    this.skippable = what;
    this.#skipped = false;
    try {
      return await wait();
    } finally {
      this.skippable = null;
    }
  }

  skipped(): Promise<void> {
    return condition(() => this.#skipped);
  }

  /** Until the wait is over, was skipped, or an operator is in a hurry. */
  async baked(milliseconds: number): Promise<void> {
    await condition(() => this.#skipped || this.expedited, milliseconds);
  }

  whenExpedited(): Promise<void> {
    return condition(() => this.expedited);
  }

  whenExempted(consumer: string): Promise<void> {
    return condition(() => this.exempt.has(consumer));
  }

  #listen(verb: Verb): void {
    const take = async (request: VerbRequest): Promise<VerbReceipt> => {
      this.#taking++;
      try {
        const wait = this.gate && answersApproval(verb) ? this.gate.wait : null;
        const { by: who, reason, consumer, amended } = request;
        const said = { updateId: updateId(), verb, who, wait, reason, consumer, ...(amended && { amended }) };
        const { run, phase, whyNone, saidBefore } = await this.ports.record(said);
        if (whyNone !== null) throw illegal(whyNone, 'moved-on');
        if (!saidBefore) this.#obey(verb, request, wait);
        return { run, phase };
      } finally {
        this.#taking--;
      }
    };
    const validator = (request: VerbMessage) => {
      this.#requireOurs(request);
      const decision = mayVerb(verb, this.#facts(), request);
      if (!decision.ok) throw illegal(decision.message, decision.reason);
    };
    setHandler(verbUpdates[verb], take, { validator });
  }

  #listenToProvide(): void {
    const take = async (request: ProvideRequest): Promise<ProvideReceipt> => {
      const answering = this.#answering!;
      const said = { updateId: updateId(), verb: 'provide', who: request.by, wait: null, reason: null, consumer: null } as const;
      const { run } = await this.ports.record(said);
      const taken = await answering.take(request);
      await this.ports.recordEffect(said.updateId, 'refused' in taken ? taken.refused : null);
      if ('refused' in taken) return { run, taken: false, message: taken.refused };
      answering.answer = taken;
      return { run, taken: true, message: 'it holds, and the rotation goes on' };
    };
    const validator = (request: ProvideRequest) => {
      this.#requireOurs(request);
      if (!this.#answering) throw illegal('nobody was asked to do anything', 'nothing-asked');
    };
    setHandler(provideUpdate, take, { validator });
  }

  #obey(verb: Verb, { by, reason, consumer, amended }: VerbRequest, wait: number | null): void {
    switch (verb) {
      case 'approve':
        this.#approved.add(wait!);
        return;
      case 'reject':
        if (this.#answering) this.#answering.answer = { declined: becauseOf(verb, by, reason) };
        else this.ports.requestRollback(becauseOf(verb, by, reason));
        return;
      case 'abort':
        this.ports.requestRollback(becauseOf(verb, by, reason));
        return;
      case 'pause':
      case 'resume':
        this.paused = verb === 'pause';
        return;
      case 'retry':
        this.#retried = true;
        return;
      case 'skip':
        this.#skipped = true;
        return;
      case 'expedite':
        this.expedited = true;
        return;
      case 'amend':
        this.ports.amend(amended!);
        if (this.gate) this.#replanned.add(this.gate.wait);
        return;
      case 'exempt':
        this.exempt.add(consumer!);
        // A step that waits for a person because of this consumer goes on without it.
        this.#retried = true;
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
    const { gate, paused, waitsForOperator, skippable, expedited } = this;
    return {
      ...this.ports.facts(),
      gate: gate?.gate ?? null,
      wait: gate?.wait ?? null,
      answering: this.#answering !== null,
      paused,
      waitsForOperator,
      skippable,
      expedited,
    };
  }
}

/** Temporal's own id of the update that is being taken. */
const updateId = (): string => currentUpdateInfo()!.id;

function illegal(message: string, reason: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'KR_VERB_ILLEGAL', reason);
}
