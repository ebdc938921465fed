/**
 * Owns the border to Temporal: heartbeats while an activity runs, our errors as failures with a
 * closed set of types, nothing of a vendor's own in them.
 */
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { RekeyError } from '../workflows/domain/errors.js';
import { isTransient } from '../workflows/domain/transient.js';

/** Shorter than the heartbeat time-out by enough that a busy machine does not look dead. */
const heartbeatEvery = 500;

type Activity<Input, Result> = (input: Input, signal: AbortSignal) => Promise<Result>;

/** An activity that may be cancelled at any time: it changes nothing outside. */
export function asObservation<Input, Result>(run: Activity<Input, Result>): (input: Input) => Promise<Result> {
  return (input) => bounded((context) => run(input, context.cancellationSignal));
}

/**
 * An activity that changes the outside: a cancel waits for what is in flight, its own deadline ends
 * it.
 */
export function asEffect<Input, Result>(run: (input: Input) => Promise<Result>): (input: Input) => Promise<Result> {
  return (input) => bounded(() => run(input));
}

/** A local activity: it has no heartbeat, and touches our own ledger alone. */
export function asBookkeeping<Input extends unknown[], Result>(
  run: (...input: Input) => Promise<Result>,
): (...input: Input) => Promise<Result> {
  return (...input) => run(...input).catch((error: unknown) => Promise.reject(toFailure(error, false)));
}

async function bounded<Result>(run: (context: Context) => Promise<Result>): Promise<Result> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), heartbeatEvery);
  try {
    return await run(context);
  } catch (error) {
    throw toFailure(error, context.cancellationSignal.aborted);
  } finally {
    clearInterval(beat);
  }
}

export function toFailure(error: unknown, cancelled: boolean): Error {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (error instanceof RekeyError) {
    return ApplicationFailure.create({
      message: error.detail,
      type: error.code,
      nonRetryable: !error.retryable,
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
    });
  }
  if (cancelled) return new CancelledFailure('the activity was cancelled');
  // A deadline of ours is no answer: look again. Anything else is a fault of ours; its text could
  // hold anything, so only its name goes on.
  const name = error instanceof Error ? error.name : typeof error;
  if (isTransient(error))
    return ApplicationFailure.create({ message: 'no answer within the deadline', type: 'KR_STORE_UNCLEAR' });
  return ApplicationFailure.create({ message: `unexpected ${name}`, type: 'KR_INTERNAL', nonRetryable: true });
}
