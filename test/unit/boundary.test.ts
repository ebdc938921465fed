/**
 * What leaves an activity: failures of a closed set of types, with nothing of a vendor's own in
 * them, and heartbeats as long as it runs.
 */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asEffect, asObservation, toFailure } from '../../activities/boundary.js';
import { errorCodes } from '../../workflows/domain/error-codes.js';
import { type ErrorCode, RekeyError } from '../../workflows/domain/errors.js';

const secret = 'dd-api-key-0123456789abcdef';

describe('a failure at the border to Temporal', () => {
  it.each(Object.entries(errorCodes))('%s goes on under its code, and is retried exactly if the code says so', (code, known) => {
    const failure = toFailure(new RekeyError(code as ErrorCode, 'what happened'), false);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type: code, message: 'what happened', nonRetryable: !known.retryable });
    expect((failure as ApplicationFailure).nextRetryDelay).toBeUndefined();
  });

  it('carries the time after which it is worth asking again', () => {
    const failure = toFailure(new RekeyError('KR_SETTLING', 'it can still land', 1_234), false) as ApplicationFailure;
    expect(failure.nextRetryDelay).toBe(1_234);
    expect((toFailure(new RekeyError('KR_SETTLING', 'at once', 0), false) as ApplicationFailure).nextRetryDelay).toBe(0);
  });

  it('keeps its code also when the activity was cancelled meanwhile: what was sent was sent', () => {
    expect(toFailure(new RekeyError('KR_STORE_UNCLEAR', 'no answer'), true)).toMatchObject({ type: 'KR_STORE_UNCLEAR' });
  });

  it('of Temporal itself is left as it is', () => {
    for (const own of [new CancelledFailure('enough'), ApplicationFailure.create({ message: 'x', type: 'KR_FENCED' })])
      for (const cancelled of [true, false]) expect(toFailure(own, cancelled)).toBe(own);
  });

  it.each(['TimeoutError', 'AbortError'])('%s is no answer: the step looks again', (name) => {
    const failure = toFailure(new DOMException(`late: ${secret}`, name), false);
    expect(failure).toMatchObject({ type: 'KR_STORE_UNCLEAR', nonRetryable: false });
    expect(failure.message).not.toContain(secret);
  });

  it.each([
    ['an error of a library', new TypeError(`cannot read ${secret}`), 'unexpected TypeError'],
    ['something that is no error', secret, 'unexpected string'],
    ['nothing', undefined, 'unexpected undefined'],
  ])('shows of %s only its name, and is not retried', (_, thrown, message) => {
    const failure = toFailure(thrown, false);
    expect(failure).toMatchObject({ type: 'KR_INTERNAL', nonRetryable: true, message });
    expect(JSON.stringify([failure.message, failure.stack, failure.cause])).not.toContain(secret);
  });

  it('is a cancel when the activity was cancelled and nothing of ours was thrown', () => {
    expect(toFailure(new DOMException('aborted', 'AbortError'), true)).toBeInstanceOf(CancelledFailure);
    expect(toFailure(new TypeError(secret), true).message).not.toContain(secret);
  });
});

describe('an activity', () => {
  let beats: number;
  let environment: MockActivityEnvironment;

  beforeEach(() => {
    vi.useFakeTimers();
    beats = 0;
    environment = new MockActivityEnvironment();
    environment.on('heartbeat', () => beats++);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('beats as long as it runs, more than once in the time-out of two seconds, and not after', async () => {
    let end: () => void = () => undefined;
    const running = environment.run(
      asObservation(() => new Promise<void>((resolve) => (end = resolve))),
      undefined,
    );
    await vi.advanceTimersByTimeAsync(2_000);
    expect(beats).toBe(4);
    end();
    await running;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(beats).toBe(4);
  });

  it('stops beating when it fails, too', async () => {
    const failing = asObservation(() => Promise.reject(new RekeyError('KR_NOT_FOUND', 'nobody')));
    await expect(environment.run(failing, undefined)).rejects.toMatchObject({ type: 'KR_NOT_FOUND' });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(beats).toBe(0);
  });

  it('that only looks is told of a cancel, and ends as cancelled', async () => {
    const waiting = asObservation(
      (_: undefined, signal) =>
        new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new DOMException('over', 'AbortError'))),
        ),
    );
    const running = environment.run(waiting, undefined);
    environment.cancel();
    await expect(running).rejects.toBeInstanceOf(CancelledFailure);
  });

  it('that changes the outside is not told of a cancel: it ends by itself, and its outcome counts', async () => {
    let end: (value: string) => void = () => undefined;
    const given: unknown[] = [];
    const running = environment.run(
      asEffect((...input: unknown[]) => {
        given.push(...input);
        return new Promise<string>((resolve) => (end = resolve));
      }),
      'input',
    );
    environment.cancel();
    end('sent');
    await expect(running).resolves.toBe('sent');
    expect(given).toEqual(['input']);
  });
});
