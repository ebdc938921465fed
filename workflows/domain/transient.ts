/**
 * Decides whether an error is an answer, or says only that none came. Of the second kind nothing is
 * concluded: it is asked again.
 */
import { RekeyError } from './errors.js';

/** A limit of rate, a server's own fault, a deadline that has passed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof RekeyError) return error.retryable;
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}

/** What such an error says, for people. */
export function whyOf(error: unknown): string {
  return error instanceof RekeyError ? error.detail : 'no answer in time';
}
