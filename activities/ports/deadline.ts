/** Owns deadlines: signals that end after a time, and what is left of it by two clocks. */
import { type Moment, timeLeft } from '../../workflows/domain/clocks.js';

/** What deadlines are measured by. */
export const clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/** A deadline that runs from now on: how many milliseconds of it are left. */
export function startDeadline(milliseconds: number): () => number {
  const now = (): Moment => ({ monotonic: clocks.monotonic(), wall: clocks.wall() });
  const since = now();
  return () => timeLeft(milliseconds, since, now());
}

/** Milliseconds since it was begun, by the clock that says more. */
export function stopwatch(): () => number {
  const left = startDeadline(0);
  return () => -left();
}

type End = (reason: unknown) => void;

/**
 * What ends with each signal. One listener serves all: a step that looks again every tenth of a
 * second, or at many consumers at once, would pile them up.
 */
const bounds = new WeakMap<AbortSignal, Set<End>>();

/** What is left of the signals of here. */
const lefts = new WeakMap<AbortSignal, () => number>();

/** A signal that ends by itself, and bounds every signal that is made within it. */
export function endingAfter(milliseconds: number): AbortSignal {
  const signal = AbortSignal.timeout(milliseconds);
  lefts.set(signal, startDeadline(milliseconds));
  return signal;
}

/**
 * A signal that ends with the given one, or after so many milliseconds. `AbortSignal.any` is not
 * used for it: Node 20 holds what it joins weakly, so that after a garbage collection a deadline
 * behind it never comes, and a request to a silent server waits for ever. Timers stand still while
 * a machine is suspended, so that the given signal may be over and not know it yet: nothing is
 * begun within it then.
 */
export function within(signal: AbortSignal, milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const left = lefts.get(signal)?.() ?? Number.POSITIVE_INFINITY;
  if (signal.aborted || left <= 0) {
    controller.abort(signal.aborted ? signal.reason : passed());
    return controller.signal;
  }
  lefts.set(controller.signal, startDeadline(Math.min(left, milliseconds)));
  const end: End = (reason) => {
    clearTimeout(timer);
    forget(signal, end);
    controller.abort(reason);
  };
  const timer = setTimeout(() => end(passed()), milliseconds);
  timer.unref();
  remember(signal, end);
  return controller.signal;
}

const passed = (): DOMException => new DOMException('the deadline has passed', 'TimeoutError');

function remember(signal: AbortSignal, end: End): void {
  const ends = bounds.get(signal) ?? new Set();
  bounds.set(signal, ends.add(end));
  if (ends.size === 1) signal.addEventListener('abort', onAbort);
}

function forget(signal: AbortSignal, end: End): void {
  const ends = bounds.get(signal);
  if (ends?.delete(end) && ends.size === 0) signal.removeEventListener('abort', onAbort);
}

function onAbort(this: AbortSignal): void {
  for (const end of [...(bounds.get(this) ?? [])]) end(this.reason);
}
