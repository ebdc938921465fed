/**
 * Owns a vendor that somebody else may touch: what it can, how its keys are, and what the product's
 * own decisions make of both.
 */
import type { Attempt } from '../../../activities/ports/journal.js';
import { type ErrorCode, RekeyError } from '../../../workflows/domain/errors.js';
import { canBringBack, type KeySeen, seenAs } from '../../../workflows/domain/way-back.js';

export interface VendorSetting {
  readonly disables: boolean;
  readonly idIsSecret: boolean;
  readonly listsKeys: boolean;
  readonly undoDelete: 'none' | 'api' | 'ui';
}

export type KeyState = 'live' | 'disabled' | 'deleted' | 'replaced';

export class Vendor {
  readonly keys = new Map<number, KeyState>([[1, 'live']]);

  constructor(
    readonly can: VendorSetting,
    private readonly holdsOldSecret: boolean,
  ) {}

  get disables(): boolean {
    return this.can.disables && canBringBack(this.can, this.holdsOldSecret);
  }

  seen(generation: number): KeySeen {
    const state = this.keys.get(generation);
    const holdsSecret = generation !== 1 || this.holdsOldSecret;
    const shown = state === 'deleted' || state === undefined ? null : state === 'disabled' ? 'disabled' : 'live';
    return seenAs({
      accepted: holdsSecret ? state === 'live' : null,
      state: this.can.listsKeys ? shown : undefined,
      undoDelete: this.can.undoDelete,
    });
  }

  /** As the guard does: the one that stays has to be accepted now. */
  guard(survivor: number, attempt: Attempt): void {
    if (this.seen(survivor) !== 'accepted') this.#refuse('KR_GUARD_REFUSED', attempt);
  }

  disable(generation: number, attempt: Attempt): void {
    if (this.#isGone(generation) && this.can.undoDelete !== 'api') this.#refuse('KR_KEY_GONE', attempt);
    this.keys.set(generation, this.can.undoDelete === 'api' ? 'deleted' : 'disabled');
  }

  enable(generation: number, attempt: Attempt): void {
    if (this.#isGone(generation) && this.can.undoDelete !== 'api') this.#refuse('KR_KEY_GONE', attempt);
    // A secret that was replaced stays replaced.
    if (this.keys.get(generation) !== 'replaced') this.keys.set(generation, 'live');
  }

  /** Whether consumers are refused with the key that they are on. */
  refuses(generation: number): boolean {
    return this.keys.get(generation) !== 'live';
  }

  /** Regenerating gives a key whose secret somebody else has replaced its life back. */
  regenerate(attempt: Attempt): void {
    if (this.#isGone(1)) this.#refuse('KR_KEY_GONE', attempt);
    this.keys.set(1, 'live');
  }

  #isGone(generation: number): boolean {
    return this.keys.get(generation) === 'deleted';
  }

  #refuse(code: ErrorCode, attempt: Attempt): never {
    attempt.markUnsent('and-before');
    throw new RekeyError(code, `generation ${code === 'KR_KEY_GONE' ? 'is gone' : 'is not accepted'}`);
  }
}
