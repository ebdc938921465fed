/** A deadline holds although one of the two clocks is wrong. */
import { describe, expect, it } from 'vitest';
import { timeLeft } from '../../../workflows/domain/clocks.js';

const since = { monotonic: 1_000, wall: 50_000 };
const later = (monotonic: number, wall: number) => ({ monotonic: since.monotonic + monotonic, wall: since.wall + wall });

describe('what is left of a deadline of a second', () => {
  it.each([
    ['both clocks agree', later(400, 400), 600],
    ['the machine was suspended, and the monotonic clock with it', later(400, 3_600_400), -3_599_400],
    ['the wall clock was set back', later(400, -3_600_000), 600],
    ['the wall clock was set back while it was over', later(1_500, -10), -500],
    ['the wall clock was set forward: that costs a retry', later(10, 86_400_000), -86_399_000],
  ])('is right where %s', (_, now, left) => {
    expect(timeLeft(1_000, since, now)).toBe(left);
  });
});
