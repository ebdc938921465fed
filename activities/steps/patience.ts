/**
 * Owns what becomes of a question that nobody answered: it is asked again for as long as there is
 * patience, and the ledger says so meanwhile.
 */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { RunRecord, StepRef } from '../../workflows/domain/records.js';
import { isTransient, whyOf } from '../../workflows/domain/transient.js';
import { exitsOf } from '../../workflows/domain/waits.js';
import { type ObservationDeps, sleep } from '../deps.js';
import { factsOf } from './spread.js';

export interface Unanswered {
  readonly step: StepRef;
  readonly run: RunRecord;
  /** The store or host that was asked. */
  readonly who: string;
  readonly error: unknown;
  /** Milliseconds since the first time that it did not answer; null: it is asked without end. */
  readonly patience: number | null;
  /** Of an observation, which may be cancelled: that is no answer, and no lack of one. */
  readonly signal?: AbortSignal;
}

/**
 * Throws the error again, so that the step is repeated; returns once patience is over. What is an
 * answer is thrown as it is.
 */
export async function askAgain(
  { ledger }: ObservationDeps,
  { step, run, who, error, patience, signal }: Unanswered,
): Promise<void> {
  if (!isTransient(error) || signal?.aborted) throw error;
  const { ageMs } = await ledger.openWait(step, {
    kind: 'answer',
    step: `${step.key}/${who}`,
    text: `${who} to answer: ${whyOf(error)}`,
    person: false,
    deadline: patience === null ? null : new Date(Date.now() + patience).toISOString(),
    nextCommands: exitsOf({ kind: 'answer', number: null }, factsOf(run, step)),
  });
  const left = patience === null ? Number.POSITIVE_INFINITY : patience - ageMs;
  if (left <= 0) return;
  // Whoever asks to come back long after patience is over is asked once more before it is.
  const { retryAfterMs = 0 } = error instanceof RekeyError ? error : {};
  throw error instanceof RekeyError && retryAfterMs > left ? new RekeyError(error.code, error.detail, left) : error;
}

/** For a person who waits at the other end: the same question, a few times, until then. */
export async function askUntil<Answer>(until: number, ask: () => Promise<Answer>): Promise<Answer> {
  for (let pause = 100; ; pause *= 2) {
    try {
      return await ask();
    } catch (error) {
      const wait = Math.max(pause, error instanceof RekeyError ? (error.retryAfterMs ?? 0) : 0);
      if (!isTransient(error) || performance.now() + wait > until) throw error;
      await sleep(wait);
    }
  }
}
