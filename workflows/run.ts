/** Owns one run of a rotation: its place in the ledger, the phase it is in, what operators say to it, and how a step that fails for good waits for a person. */
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChainHead, Recorded, RotationRow, StepRef, Wait } from '../activities/ports/ledger.js';
import { books } from './activity-options.js';
import { legalVerbsQuery, type RotationOrder, type RotationReport, verbUpdates } from './contract.js';
import type { ConsumerSpec, Gate } from './domain/credential.js';
import { isErrorCode } from './domain/errors.js';
import type { Finding } from './domain/preflight.js';
import { mayEnter, type Outcome, type Phase } from './domain/states.js';
import { legalVerbs, mayVerb, type Verb, type VerbFacts, type VerbRequest, verbs } from './domain/verbs.js';

/** Why the forward way ended. */
export class Turned extends Error {
  override readonly name = 'Turned';
}

export class Run {
  #head: ChainHead;
  #fence: number;
  #phase: Phase;
  #gate: Gate | null = null;
  #approved = false;
  #paused: boolean;
  #stuck = false;
  #retried = false;
  #skippable: 'bake' | 'prove-dead' | null = null;
  #skipped = false;
  #expedited: boolean;
  #beyondReturn = false;
  #back: boolean;
  #reason: string | null;
  #exempt: Set<string>;
  /** Cancelled by abort; everything before the point of no return runs in it. */
  readonly #forward = new CancellationScope();
  targets: readonly ConsumerSpec[] = [];

  private constructor(
    readonly row: RotationRow,
    head: ChainHead,
  ) {
    this.#head = head;
    this.#fence = row.fence;
    this.#phase = row.phase;
    this.#paused = row.paused;
    this.#expedited = row.expedited;
    this.#back = row.direction === 'back';
    this.#reason = row.reason;
    this.#exempt = new Set(row.exempt.map((e) => e.consumer));
    this.targets = row.targets ?? [];
    this.#listen();
  }

  /**
   * Opens the rotation, or takes over the one that is open, and runs it. A cancel from Temporal's own tools means abort: it reaches only what
   * may be aborted, and is without effect beyond the point of no return.
   */
  static async of(order: RotationOrder, way: (run: Run) => Promise<RotationReport>): Promise<RotationReport> {
    const root = CancellationScope.current();
    return CancellationScope.nonCancellable(async () => {
      const { rotation, head } = await books.openRotation({ ...order, runId: workflowInfo().runId });
      const run = new Run(rotation, head);
      root.cancelRequested.catch(() => run.#turn('cancelled'));
      return way(run);
    });
  }

  get spec() {
    return this.row.spec;
  }

  get goesBack(): boolean {
    return this.#back;
  }

  get reason(): string | null {
    return this.#reason;
  }

  /** Consumers that must be right; exempt ones are left alone. */
  get required(): readonly ConsumerSpec[] {
    return this.targets.filter((t) => !this.#exempt.has(t.name));
  }

  get expedited(): boolean {
    return this.#expedited;
  }

  isExempt(consumer: string): boolean {
    return this.#exempt.has(consumer);
  }

  /** Names a step. The same name in another run of this rotation finds the recorded outcome. */
  step(kind: string, key: string = kind, subject: string | null = null): StepRef {
    return {
      rotation: this.row.id,
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
    const { result, head } = await outcome;
    this.#sawHead(head);
    return result;
  }

  enter(phase: Phase): void {
    if (!mayEnter(this.row.strategy, this.#phase, phase) && !this.#isReplayed(phase))
      throw ApplicationFailure.nonRetryable(`from ${this.#phase} to ${phase}`, 'KR_INTERNAL');
    this.#phase = phase;
    setCurrentDetails(`${this.row.id} is ${phase}`);
  }

  /** Runs the way forward. Throws `Turned` when an operator, a cancel or a failed step turns it back; a fenced run just ends. */
  async forward<Result>(way: () => Promise<Result>): Promise<Result> {
    if (this.#back) throw new Turned(this.#reason ?? 'it was going back');
    try {
      return await this.#forward.run(way);
    } catch (error) {
      if (codeOf(error) === 'KR_FENCED' || codeOf(error) === 'KR_LEDGER_BEHIND') throw error;
      if (error instanceof Turned) throw error;
      throw new Turned(this.#reason ?? messageOf(error));
    }
  }

  /** Records that the rotation goes back, before anything is undone. It raises the fence: a late attempt on the way forward is void from then on. */
  async turnBack(why: string): Promise<void> {
    this.#back = true;
    this.#reason ??= why;
    this.#paused = false;
    this.#phase = 'compensating';
    this.#sawHead(await books.note({ step: this.step('turn-back'), note: { kind: 'turn-back', reason: this.#reason } }));
    this.#fence++;
  }

  /** From here on abort is illegal; `returned` says that nothing was sent after all. */
  passReturn(): void {
    this.#beyondReturn = true;
  }

  returned(): void {
    this.#beyondReturn = false;
  }

  /** Waits while an operator has paused it. Called only between steps, where no lease is held. */
  async pausePoint(): Promise<void> {
    if (!this.#paused) return;
    await this.#tell({ text: 'an operator to resume it', person: true, deadline: null, exits: ['resume', 'abort'] });
    await condition(() => !this.#paused);
  }

  /** Waits for an approval where the policy asks for one. */
  async pass(gate: Gate): Promise<void> {
    await this.pausePoint();
    if (!this.spec.policy.approve.includes(gate) || this.#approved) return;
    const { approveWithin } = this.spec.policy;
    const wait: Wait = {
      text: `an approval (${gate})`,
      person: true,
      deadline: new Date(Date.now() + approveWithin).toISOString(),
      exits: ['approve', 'reject', 'abort'],
    };
    this.#gate = gate;
    await this.#tell(wait);
    const inTime = await condition(() => this.#approved, approveWithin);
    if (!inTime) {
      if (gate === 'start') throw new Turned('nobody approved it in time');
      // Nothing was taken away: both keys live, and a person is told for as long as it takes.
      await this.#tell({ ...wait, text: `an approval (${gate}); overdue` });
      await condition(() => this.#approved);
    }
    this.#gate = null;
    this.#approved = false;
  }

  /** Waits after a wave; expedite and skip end it. */
  async bake(milliseconds: number): Promise<void> {
    await this.pausePoint();
    if (milliseconds === 0 || this.#expedited) return;
    await this.skippably('bake', () => condition(() => this.#skipped || this.#expedited, milliseconds));
  }

  async skippably<Result>(what: 'bake' | 'prove-dead', wait: () => Promise<Result>): Promise<Result> {
    this.#skippable = what;
    this.#skipped = false;
    try {
      return await wait();
    } finally {
      this.#skippable = null;
    }
  }

  skipped(): Promise<void> {
    return condition(() => this.#skipped);
  }

  whenExpedited(): Promise<void> {
    return condition(() => this.#expedited);
  }

  whenExempted(consumer: string): Promise<void> {
    return condition(() => this.#exempt.has(consumer));
  }

  /** Repeats a step that failed for good once a person has said `retry`; for the ways on which there is no other way out. */
  async insist<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const code = codeOf(error);
        if (code === 'KR_FENCED' || isCancellation(error)) throw error;
        await this.hold(messageOf(error));
      }
    }
  }

  /** Stands still until a person says `retry`, for a state that no machine may judge. */
  async hold(why: string): Promise<void> {
    this.#stuck = true;
    this.#retried = false;
    await this.#tell({ text: `a person: ${why}`, person: true, deadline: new Date(Date.now()).toISOString(), exits: ['retry'] });
    await condition(() => this.#retried);
    this.#stuck = false;
  }

  /** Waits until nothing that was sent before can land any more. */
  async settle(milliseconds: number): Promise<void> {
    await this.#tell({
      text: 'earlier requests to land or to be void',
      person: false,
      deadline: new Date(Date.now() + milliseconds).toISOString(),
      exits: [],
    });
    await sleep(milliseconds);
  }

  async newRound(round: number, reason: string): Promise<void> {
    this.#sawHead(await books.note({ step: this.step('round'), note: { kind: 'round', round, reason } }));
  }

  async refuse(findings: readonly Finding[]): Promise<RotationReport> {
    this.enter('closing');
    await books.refuse({ step: this.step('close'), findings });
    return this.#report('refused', findings.map((f) => f.message).join('; '), null);
  }

  async close(outcome: Outcome, downtimeMs: number | null = null): Promise<RotationReport> {
    await books.close({ step: this.step('close'), outcome, reason: this.#reason, downtimeMs });
    return this.#report(outcome, this.#reason, downtimeMs);
  }

  async #report(outcome: Outcome, reason: string | null, downtimeMs: number | null): Promise<RotationReport> {
    await condition(allHandlersFinished);
    const { id: rotation, credential, strategy, generation } = this.row;
    return { rotation, credential, strategy, generation, outcome, reason, downtimeMs };
  }

  async #tell(wait: Wait): Promise<void> {
    setCurrentDetails(`${this.row.id} is ${this.#phase} and waits for ${wait.text}`);
    this.#sawHead(await books.note({ step: this.step('wait'), note: { kind: 'wait', wait } }));
  }

  #listen(): void {
    setHandler(legalVerbsQuery, () => legalVerbs(this.#facts()));
    for (const verb of verbs) {
      setHandler(
        verbUpdates[verb],
        async (request) => {
          this.#sawHead(
            await books.note({
              step: this.step('verb'),
              note: { kind: 'verb', verb, by: request.by, reason: request.reason, consumer: request.consumer },
            }),
          );
          this.#obey(verb, request);
          return { rotation: this.row.id, phase: this.#phase };
        },
        {
          validator: (request) => {
            const decision = mayVerb(verb, this.#facts(), request);
            if (!decision.ok) throw ApplicationFailure.nonRetryable(decision.message, 'KR_VERB_ILLEGAL', decision.reason);
          },
        },
      );
    }
  }

  #obey(verb: Verb, request: VerbRequest): void {
    switch (verb) {
      case 'approve':
        this.#approved = true;
        break;
      case 'reject':
        this.#turn(`rejected by ${request.by}${request.reason ? `: ${request.reason}` : ''}`);
        break;
      case 'abort':
        this.#turn(`aborted by ${request.by}${request.reason ? `: ${request.reason}` : ''}`);
        break;
      case 'pause':
        this.#paused = true;
        break;
      case 'resume':
        this.#paused = false;
        break;
      case 'retry':
        this.#retried = true;
        break;
      case 'skip':
        this.#skipped = true;
        break;
      case 'expedite':
        this.#expedited = true;
        break;
      case 'exempt':
        this.#exempt.add(request.consumer!);
        this.#retried = true;
        break;
    }
  }

  /** Two operators at once, or a verb that was recorded while the phase moved on: what is illegal by now has no effect. */
  #turn(why: string): void {
    if (this.#beyondReturn || this.#back) return;
    this.#reason = why;
    this.#forward.cancel();
  }

  #facts(): VerbFacts {
    return {
      strategy: this.row.strategy,
      phase: this.#phase,
      direction: this.#back ? 'back' : 'forward',
      gate: this.#gate,
      paused: this.#paused,
      stuck: this.#stuck,
      beyondReturn: this.#beyondReturn,
      skippable: this.#skippable,
      expedited: this.#expedited,
      consumers: this.required.map((c) => c.name),
    };
  }

  /** A run that takes over begins in the phase that the ledger has, and walks through the earlier ones again without effect. */
  #isReplayed(phase: Phase): boolean {
    return this.row.phase !== 'planned' && phase !== 'closing';
  }

  #sawHead(head: ChainHead): void {
    if (head.position > this.#head.position) this.#head = head;
  }
}

/** The code of a failed activity; null for what is none of ours. */
export function codeOf(error: unknown): string | null {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && isErrorCode(cause.type) ? cause.type : null;
}

export function messageOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = codeOf(error);
  if (isCancellation(error)) return 'cancelled';
  return code ? `${code}: ${(cause as Error).message}` : cause instanceof Error ? cause.message : 'unknown';
}
