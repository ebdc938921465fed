/** Owns how a failed step is read: its code, and the words for people. */
import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { errorCodes } from './domain/error-codes.js';
import { isErrorCode } from './domain/errors.js';
import type { Finding } from './domain/preflight.js';
import type { Sequence } from './domain/states.js';

/** Why the forward way ended. */
export class RollbackRequested extends Error {
  override readonly name = 'RollbackRequested';
}

/** Something speaks against beginning, and nothing was changed. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(readonly findings: readonly Finding[]) {
    super(findings.map((f) => f.message).join('; '));
  }
}

/** The code of a failed activity; null for what is none of ours. */
export function codeOf(error: unknown): string | null {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && isErrorCode(cause.type) ? cause.type : null;
}

/**
 * What no machine may judge. In place, a key that is gone leaves programs that are down and would
 * start with a dead secret.
 */
export function isForPerson(error: unknown, sequence: Sequence): boolean {
  const code = codeOf(error);
  return code === 'KR_STATE_UNCLEAR' || (code === 'KR_KEY_GONE' && sequence === 'in-place');
}

/** The step could not succeed if it were repeated. */
export function isHopeless(error: unknown): boolean {
  return codeOf(error) === 'KR_KEY_GONE';
}

/** For people. */
export function messageOf(error: unknown): string {
  if (isCancellation(error)) return 'cancelled';
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = codeOf(error);
  const text = cause instanceof Error ? cause.message : 'unknown';
  return code ? `${code}: ${text}` : text;
}

/** A step that ran out of its time: Temporal says no more than that, whatever the last try said. */
export function ranOut(error: unknown): boolean {
  return error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;
}

/**
 * A step that has no answer in its time: it ran out, or its last try failed with what would have
 * been tried again.
 */
export function isUnanswered(error: unknown): boolean {
  const code = codeOf(error);
  return ranOut(error) || (isErrorCode(code) && errorCodes[code].retryable);
}

/**
 * Another run holds the rotation, or the ledger was set back: this way has nothing more to say, and
 * nothing to undo.
 */
export function isOvertaken(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'KR_FENCED' || code === 'KR_LEDGER_BEHIND';
}
