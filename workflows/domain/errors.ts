/** Owns the error that carries a code, wherever it was thrown. */
import { type Effect, errorCodes } from './error-codes.js';

export type ErrorCode = keyof typeof errorCodes;

/**
 * An error with a stable code. `detail` is shown to people and stored, so it never carries a secret
 * or a vendor's raw body.
 */
export class RekeyError extends Error {
  override readonly name = 'RekeyError';

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    /** Milliseconds to wait before the next try, where somebody said so. */
    readonly retryAfterMs?: number,
    /** With KR_HOST_FENCED: the fence that the host holds. */
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
