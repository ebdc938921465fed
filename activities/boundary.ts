/**
 * Owns the border to Temporal: what an activity takes for a call, heartbeats while it runs, our
 * errors as failures with a closed set of types, nothing of a vendor's own in them.
 */
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { type Envelope, enclose, open, proofOf } from '../workflows/domain/envelope.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { isTransient } from '../workflows/domain/transient.js';
import { longestPause } from '../workflows/domain/watch.js';

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
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: Math.min(error.retryAfterMs, longestPause) }),
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

interface Execution {
  readonly args: unknown[];
}

/**
 * For every worker: a call is opened before an activity sees it, and what goes back, an answer or a
 * failure, is enclosed for that very call.
 */
export function callsOnly({ info }: Pick<Context, 'info'>) {
  const of = info.activityType;
  return {
    inbound: {
      async execute<Input extends Execution>(input: Input, next: (input: Input) => Promise<unknown>): Promise<unknown> {
        const call = input.args.length === 1 ? open({ kind: 'call', of }, input.args[0]) : null;
        if (!call) throw ApplicationFailure.nonRetryable(`a call of ${of} that is none of ours`, 'KR_MESSAGE_REFUSED');
        try {
          return enclose('answer', of, call.nonce, await next({ ...input, args: call.body as unknown[] }));
        } catch (error) {
          throw error instanceof ApplicationFailure ? proved(call, error) : error;
        }
      },
    },
  };
}

function proved(call: Envelope, { message, type, nonRetryable, nextRetryDelay }: ApplicationFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    ...(type ? { type } : {}),
    nonRetryable: nonRetryable ?? false,
    ...(nextRetryDelay === undefined ? {} : { nextRetryDelay }),
    details: [proofOf(call, { code: type ?? null, message })],
  });
}
