/**
 * Owns how the consumers of a credential are split into waves: one canary first, then equal parts.
 */
import type { ConsumerSpec, Rollout } from './credential.js';

export interface Wave {
  /** From 1; the canary is wave 1. */
  readonly number: number;
  readonly consumers: readonly ConsumerSpec[];
}

/**
 * Every consumer stands in exactly one wave, in the order in which they were declared; no wave is
 * empty.
 */
export function planWaves(consumers: readonly ConsumerSpec[], rollout: Rollout): readonly Wave[] {
  const canary = consumers.slice(0, Math.max(rollout.canary, 0));
  const rest = consumers.slice(canary.length);
  const size = 'count' in rollout.wave ? rollout.wave.count : Math.ceil(consumers.length * rollout.wave.share);
  const waves = canary.length > 0 ? [canary] : [];
  for (let from = 0; from < rest.length; from += Math.max(size, 1)) waves.push(rest.slice(from, from + Math.max(size, 1)));
  return waves.map((members, index) => ({ number: index + 1, consumers: members }));
}
