/**
 * Owns what a case has its activities do, and the log of what they were asked: tests look at order
 * and number, never at a clock.
 */
import { Context } from '@temporalio/activity';
import type { ErrorCode } from '../../../workflows/domain/errors.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { StepRef } from '../../../workflows/domain/records.js';

export interface Entry {
  /**
   * Activity, and what tells it from its like: `distribute wave-1/web-1`, `inspectConsumers east`,
   * `recordVerb abort`.
   */
  readonly label: string;
  readonly step: StepRef | null;
  readonly input: Readonly<Record<string, unknown>>;
  /** The same for attempts of one call by one run. */
  readonly id: string;
  readonly activityId: string;
  /** A step on the ledger alone. */
  readonly isLocal: boolean;
  /** Places in one count of beginnings and ends; null while it runs. */
  readonly began: number;
  ended: number | null;
  /** `done`, or the code or name of what it failed with. */
  how: string | null;
  /**
   * Whether it did, or saw, anything itself; false where it found its outcome recorded, or failed
   * before.
   */
  acted: boolean;
}

const anything = '*';

/** What becomes of one attempt of an activity. */
interface Rule {
  readonly label: string;
  /** Attempts that pass before it holds. */
  passes: number;
  left: number;
  readonly hold?: Hold;
  readonly failure?: { readonly code: ErrorCode; readonly sent: boolean };
  readonly answer?: { readonly value: unknown };
}

/** The border to Temporal makes it a cancellation. */
class CancelledError extends Error {
  override readonly name = 'cancelled';
}

/** What a guard says before anything is sent: its intent is closed so. */
const refusals: readonly ErrorCode[] = [
  'KR_GUARD_STALE',
  'KR_GUARD_REFUSED',
  'KR_CONSUMER_BEHIND',
  'KR_TARGET_CHANGED',
  'KR_KEY_CHANGED',
  'KR_NOT_NOW',
  'KR_KEY_GONE',
];

export interface Times {
  /** Attempts that it holds for. */
  readonly times?: number;
}

/** An attempt that takes its time. */
export class Hold {
  #go: () => void = () => undefined;
  readonly #released = new Promise<void>((resolve) => (this.#go = resolve));
  isReached = false;

  constructor(
    readonly label: string,
    private readonly reached: () => void,
  ) {}

  release(): void {
    this.#go();
  }

  /** Throws when `signal` aborts first; an effect has none. */
  async wait(signal: AbortSignal | null): Promise<void> {
    this.isReached = true;
    this.reached();
    if (!signal) return this.#released;
    await Promise.race([
      this.#released,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new CancelledError()), { once: true })),
    ]);
  }
}

export class Script {
  readonly log: Entry[] = [];
  readonly #rules: Rule[] = [];
  readonly #waiting = new Set<() => void>();
  #count = 0;

  /**
   * Rules are for a label, or for all that begin with it and a blank; of several the first that has
   * attempts left.
   */
  holds(label: string, nth = 1): Hold {
    const hold = new Hold(label, () => this.#told());
    this.#rules.push({ label, passes: nth - 1, left: 1, hold });
    return hold;
  }

  /** `sent`: what it was to do was done all the same. */
  fails(label: string, code: ErrorCode, { times = 1, sent = false }: Times & { sent?: boolean } = {}): void {
    this.#rules.push({ label, passes: 0, left: times, failure: { code, sent } });
  }

  answers(label: string, value: unknown, { times = 1 }: Times = {}): void {
    this.#rules.push({ label, passes: 0, left: times, answer: { value } });
  }

  /** Whatever asks the outside next. */
  holdsNext(): Hold {
    return this.holds(anything);
  }

  releaseAll(): void {
    for (const { hold } of this.#rules) hold?.release();
  }

  /** Runs one attempt by its rule; `act` is what it does by itself. */
  async run<Result>(
    label: string,
    input: object,
    signal: AbortSignal | null,
    act: (rule: Turn) => Promise<Result> | Result,
  ): Promise<Result> {
    const step = 'step' in input ? (input.step as StepRef) : null;
    const { activityId, isLocal, workflowExecution } = Context.current().info;
    const id = `${workflowExecution!.runId}/${activityId}`;
    const entry: Entry = {
      label,
      step,
      id,
      activityId,
      isLocal,
      input: input as Entry['input'],
      began: this.#count++,
      ended: null,
      how: null,
      acted: false,
    };
    // A workflow task that was lost runs its local activities once more: they are the same step.
    if (!this.log.some((e) => e.id === id && e.how === 'done')) this.log.push(entry);
    this.#told();
    try {
      const result = await act(new Turn(this.#ruleFor(label, isLocal), signal, entry));
      entry.how = 'done';
      return result;
    } catch (error) {
      entry.how = error instanceof RekeyError ? error.code : (error as Error).name;
      throw error;
    } finally {
      entry.ended = this.#count++;
      this.#told();
    }
  }

  /** Resolves once `found` finds something; it is asked whenever an activity begins or ends. */
  async until<Found>(found: (log: readonly Entry[]) => Found | undefined | false): Promise<Found> {
    for (;;) {
      const answer = found(this.log);
      if (answer) return answer;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #ruleFor(label: string, isLocal: boolean): Rule | null {
    const isFor = (rule: Rule) =>
      rule.label === anything ? !isLocal : label === rule.label || label.startsWith(`${rule.label} `);
    for (const rule of this.#rules) {
      if (rule.left === 0 || !isFor(rule)) continue;
      if (rule.passes-- > 0) continue;
      rule.left--;
      return rule;
    }
    return null;
  }

  #told(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** The turn of one attempt, by its rule. */
export class Turn {
  constructor(
    private readonly rule: Rule | null,
    private readonly signal: AbortSignal | null,
    private readonly entry: Entry,
  ) {}

  /** Whether the rule has an answer of its own: then nothing is done. */
  get answers(): boolean {
    return this.rule?.answer !== undefined;
  }

  /** Holds still, or fails with nothing done. */
  async before(markUnsent: () => void = () => undefined): Promise<void> {
    await this.rule?.hold?.wait(this.signal);
    const failure = this.rule?.failure;
    if (!failure || failure.sent) return;
    if (refusals.includes(failure.code)) markUnsent();
    throw new RekeyError(failure.code, 'as the test has it');
  }

  /** What the rule answers in place of `result`; or the reply is lost. */
  after<Result>(result: Result): Result {
    this.entry.acted = true;
    if (this.rule?.failure) throw new RekeyError(this.rule.failure.code, 'as the test has it');
    return this.rule?.answer ? (this.rule.answer.value as Result) : result;
  }
}
