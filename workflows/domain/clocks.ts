/** Owns how much of a deadline is left, by two clocks that go wrong in different ways. */

/** One moment, in milliseconds of each clock. */
export interface Moment {
  /** Never set, but it stands still while a machine is suspended. */
  readonly monotonic: number;
  /** Goes on through a suspend, but somebody may set it. */
  readonly wall: number;
}

/**
 * Milliseconds that are left. The clock that says less is believed: one that was set back grants
 * nothing, and one that was set forward costs a retry.
 */
export function timeLeft(milliseconds: number, since: Moment, now: Moment): number {
  return milliseconds - Math.max(now.monotonic - since.monotonic, now.wall - since.wall);
}
