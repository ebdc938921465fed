/** Owns the bounding of a signal by a deadline of its own. */

/**
 * A signal that ends with the given one, or after so many milliseconds. `AbortSignal.any` is not used for it: Node 20 holds what it joins weakly,
 * so that after a garbage collection a deadline behind it never comes, and a request to a silent server waits for ever.
 */
export function within(signal: AbortSignal, milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const end = (reason: unknown): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    controller.abort(reason);
  };
  const onAbort = (): void => end(signal.reason);
  const timer = setTimeout(() => end(new DOMException('the deadline has passed', 'TimeoutError')), milliseconds);
  timer.unref();
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return controller.signal;
}
