/** Owns how a failed step is read: its code, and the words for people. */
import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import { isErrorCode } from './domain/errors.js';

/** Why the forward way ended. */
export class Turned extends Error {
  override readonly name = 'Turned';
}

/** The code of a failed activity; null for what is none of ours. */
export function codeOf(error: unknown): string | null {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && isErrorCode(cause.type) ? cause.type : null;
}

/** For people. A step that ran out of time says what its last attempt saw. */
export function messageOf(error: unknown): string {
  if (isCancellation(error)) return 'cancelled';
  let said: string | null = null;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause);
    if (code) said = `${code}: ${cause instanceof ActivityFailure ? cause.cause?.message : cause.message}`;
  }
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return said ?? (cause instanceof Error ? cause.message : 'unknown');
}

/** Another run holds the rotation, or the ledger was set back: this way has nothing more to say, and nothing to undo. */
export function isOvertaken(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'KR_FENCED' || code === 'KR_LEDGER_BEHIND';
}
