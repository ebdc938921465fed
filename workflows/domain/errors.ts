/** Owns the error that carries a code, wherever it was thrown. */
import { type Effect, errorCodes } from './error-codes.js';

export type ErrorCode = keyof typeof errorCodes;

/**
 * An error with a stable code. `detail` is shown to people and stored, so it never carries a secret
 * or a vendor's raw body. `retryAfterMs`: milliseconds. `heldFence`: of KR_HOST_FENCED.
 */
export class RekeyError extends Error {
  override readonly name = 'RekeyError';

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly retryAfterMs?: number,
    readonly heldFence?: number,
  ) {
    super(`${code}: ${detail}`);
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  get effect(): Effect {
    return errorCodes[this.code].effect;
  }
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(errorCodes, text);
}
