/** Owns the bounding of a signal by a deadline of its own. */

type End = (reason: unknown) => void;

/**
 * What ends with each signal. One listener serves all: a step that looks again every tenth of a
 * second, or at many consumers at once, would pile them up.
 */
const bounds = new WeakMap<AbortSignal, Set<End>>();

/**
 * A signal that ends with the given one, or after so many milliseconds. `AbortSignal.any` is not
 * used for it: Node 20 holds what it joins weakly, so that after a garbage collection a deadline
 * behind it never comes, and a request to a silent server waits for ever.
 */
export function within(signal: AbortSignal, milliseconds: number): AbortSignal {
  const controller = new AbortController();
  if (signal.aborted) {
    controller.abort(signal.reason);
    return controller.signal;
  }
  const end: End = (reason) => {
    clearTimeout(timer);
    forget(signal, end);
    controller.abort(reason);
  };
  const timer = setTimeout(() => end(new DOMException('the deadline has passed', 'TimeoutError')), milliseconds);
  timer.unref();
  remember(signal, end);
  return controller.signal;
}

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
