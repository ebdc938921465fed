/**
 * Owns how a workflow believes an activity: only what answers this very call does. Whoever reaches
 * Temporal can take a task and answer it; such an answer is none, and the call is made again.
 */
import { ActivityFailure, ApplicationFailure, CancellationScope, sleep, TimeoutFailure, uuid4 } from '@temporalio/workflow';
import { enclose, isProved, open } from './domain/envelope.js';

type Call = (...args: unknown[]) => Promise<unknown>;

/**
 * Milliseconds before a call is made again whose answer was none; it grows by as much each time.
 */
const triesApart = 500;
const mostApart = 10_000;

/** The same activities, with every call enclosed and every answer held against it. */
export function believed<Activities extends object>(activities: Activities): Activities {
  return new Proxy(activities, {
    get: (target, name) => {
      const call = (target as Record<string | symbol, Call>)[name];
      return typeof name === 'string' && call ? (...args: unknown[]) => ask(name, call, args) : call;
    },
  });
}

async function ask(of: string, call: Call, args: readonly unknown[]): Promise<unknown> {
  const scope = CancellationScope.current();
  for (let tries = 1; ; tries++) {
    const nonce = uuid4();
    try {
      const answer = open({ kind: 'answer', of, nonce }, await call(enclose('call', of, nonce, args)));
      if (answer) return answer.body;
    } catch (error) {
      if (isBelievable(error, { of, nonce }, scope.consideredCancelled)) throw error;
    }
    await sleep(Math.min(tries * triesApart, mostApart));
  }
}

/** A time-out is the server's own to tell; a cancel is believed where this side has cancelled. */
function isBelievable(error: unknown, call: { readonly of: string; readonly nonce: string }, cancelled: boolean): boolean {
  if (!(error instanceof ActivityFailure)) return true;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return true;
  if (cause instanceof ApplicationFailure) return isProved(call, { ...cause, message: cause.message });
  return cancelled;
}
