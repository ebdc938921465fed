/** Owns what operators have said to one run: which verbs are legal now, which were taken, and what waits for them. */
import { ApplicationFailure, condition, setHandler } from '@temporalio/workflow';
import type { RotationRow } from '../activities/ports/ledger.js';
import { legalVerbsQuery, type VerbReceipt, verbUpdates } from './contract.js';
import type { Gate } from './domain/credential.js';
import { legalVerbs, mayVerb, type Verb, type VerbFacts, type VerbRequest, verbs } from './domain/verbs.js';

export interface OperatorPorts {
  /** What only the run knows. */
  facts(): Pick<VerbFacts, 'strategy' | 'phase' | 'direction' | 'beyondReturn' | 'consumers'>;
  /** Commits the verb before it takes effect. */
  record(verb: Verb, request: VerbRequest): Promise<VerbReceipt>;
  turn(why: string): void;
}

export class Operator {
  readonly exempt: Set<string>;
  gate: Gate | null = null;
  skippable: 'bake' | 'prove-dead' | null = null;
  stuck = false;
  paused: boolean;
  expedited: boolean;
  #approved = false;
  #retried = false;
  #skipped = false;

  constructor(
    row: RotationRow,
    private readonly ports: OperatorPorts,
  ) {
    this.exempt = new Set(row.exempt.map((e) => e.consumer));
    this.paused = row.paused;
    this.expedited = row.expedited;
    setHandler(legalVerbsQuery, () => legalVerbs(this.#facts()));
    for (const verb of verbs) this.#listen(verb);
  }

  /** False when `milliseconds` passed without an approval. */
  approved(milliseconds?: number): Promise<boolean> {
    const said = () => this.#approved;
    return milliseconds === undefined ? condition(said).then(() => true) : condition(said, milliseconds);
  }

  forgetApproval(): void {
    this.gate = null;
    this.#approved = false;
  }

  resumed(): Promise<void> {
    return condition(() => !this.paused);
  }

  async retried(): Promise<void> {
    this.stuck = true;
    this.#retried = false;
    await condition(() => this.#retried);
    this.stuck = false;
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
    const take = async (request: VerbRequest) => {
      const receipt = await this.ports.record(verb, request);
      this.#obey(verb, request);
      return receipt;
    };
    const validator = (request: VerbRequest) => {
      const decision = mayVerb(verb, this.#facts(), request);
      if (!decision.ok) throw ApplicationFailure.nonRetryable(decision.message, 'KR_VERB_ILLEGAL', decision.reason);
    };
    setHandler(verbUpdates[verb], take, { validator });
  }

  #obey(verb: Verb, request: VerbRequest): void {
    const why = `by ${request.by}${request.reason ? `: ${request.reason}` : ''}`;
    switch (verb) {
      case 'approve':
        this.#approved = true;
        return;
      case 'reject':
        this.ports.turn(`rejected ${why}`);
        return;
      case 'abort':
        this.ports.turn(`aborted ${why}`);
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
      case 'exempt':
        this.exempt.add(request.consumer!);
        // A step that waits for a person because of this consumer goes on without it.
        this.#retried = true;
        return;
    }
  }

  #facts(): VerbFacts {
    const { gate, paused, stuck, skippable, expedited } = this;
    return { ...this.ports.facts(), gate, paused, stuck, skippable, expedited };
  }
}
