/**
 * Owns what goes wrong between us and a vendor, as errors of ours: for an effect, whatever may have
 * happened is said to be unclear.
 */
import { type ErrorCode, RekeyError } from '../../../workflows/domain/errors.js';

/** An effect changes the outside; an observation only looks, so that repeating it harms nobody. */
export type CallKind = 'observation' | 'effect';

/** The codes of the port that the client works for. */
export interface FaultCodes {
  readonly unavailable: ErrorCode;
  readonly unclear: ErrorCode;
  readonly rateLimited: ErrorCode;
  readonly refused: ErrorCode;
  readonly unauthorized: ErrorCode;
}

export const storeFaults: FaultCodes = {
  unavailable: 'KR_STORE_UNAVAILABLE',
  unclear: 'KR_STORE_UNCLEAR',
  rateLimited: 'KR_STORE_RATE_LIMITED',
  refused: 'KR_STORE_REFUSED',
  unauthorized: 'KR_STORE_UNAUTHORIZED',
};

/**
 * For an app host that is reached with the management credential of its vendor's key store: only
 * the store's remedy helps when that is refused.
 */
export const hostFaults: FaultCodes = {
  unavailable: 'KR_HOST_UNAVAILABLE',
  unclear: 'KR_HOST_UNCLEAR',
  rateLimited: 'KR_HOST_UNAVAILABLE',
  refused: 'KR_HOST_REFUSED',
  unauthorized: 'KR_STORE_UNAUTHORIZED',
};

/** The fault of a call that was cut off, or answered by nobody who can be believed. */
export function lost(codes: FaultCodes, kind: CallKind, sent: boolean, detail: string, retryAfterMs?: number): RekeyError {
  const code = kind === 'effect' && sent ? codes.unclear : codes.unavailable;
  return new RekeyError(code, sent || kind === 'observation' ? detail : `${detail}; nothing was sent`, retryAfterMs);
}

/** The fault that a status means when it is the vendor's own. */
export function refused(codes: FaultCodes, kind: CallKind, status: number, detail: string, retryAfterMs?: number): RekeyError {
  if (status === 429) return new RekeyError(codes.rateLimited, detail, retryAfterMs);
  if (status === 401) return new RekeyError(codes.unauthorized, detail);
  // A vendor that gave up waiting for our request (408) may have read enough of it.
  if (status >= 400 && status < 500 && status !== 408) return new RekeyError(codes.refused, detail);
  return lost(codes, kind, true, detail, retryAfterMs);
}
