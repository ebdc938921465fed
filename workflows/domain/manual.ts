/**
 * Owns what a person can do in place of an API call or of an app host, and what is said when it was
 * done.
 */
import type { Who } from './who.js';

export const manualEffects = ['mint', 'regenerate', 'disable', 'enable', 'revoke'] as const;
export type ManualEffect = (typeof manualEffects)[number];

/**
 * What a person says to have done; the secret lies in the vault already, and only its reference
 * travels.
 */
export interface ProvideRequest {
  readonly by: Who;
  readonly run: string;
  /** The wait that the person saw, by its number; an answer to it is none to the next. */
  readonly wait: number | null;
  /** For mint and regenerate. */
  readonly secretRef: string | null;
  /** The store's own id of a new key, where it has one. */
  readonly keyId: string | null;
  /** The fingerprint that a program shows which a person has changed. */
  readonly fingerprint: string | null;
}

export interface ProvideReceipt {
  readonly run: string;
  /** False: what was said does not hold, nothing was recorded, and it is still waited for. */
  readonly taken: boolean;
  readonly message: string;
}
