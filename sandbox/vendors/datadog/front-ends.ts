/**
 * Owns how news of a key spreads: each address is served by several front ends, and each learns of
 * a new or revoked key in its own time. Datadog documents a propagation delay of some seconds in
 * both directions ("API and Application Keys", section on propagation delay).
 */
import { TIMING } from '../../timing.js';
import type { ApiKey } from './account.js';

export type Knowledge = 'unknown' | 'live' | 'revoked';

const DELAYS = TIMING.datadog.propagation;

/**
 * What a front end knows of a key at a time. Revocations spread in another order than creations,
 * and each key in its own.
 */
export function knowledge(key: ApiKey, frontEnd: number, now = Date.now()): Knowledge {
  const shift = Number.parseInt(key.id.slice(0, 8), 16);
  if (key.revokedAt !== null && now >= key.revokedAt + delay(frontEnd + shift + 1)) return 'revoked';
  return now >= key.liveFrom + delay(frontEnd + shift) ? 'live' : 'unknown';
}

function delay(position: number): number {
  return DELAYS[position % DELAYS.length]!;
}

/**
 * Deals the requests of each caller to the front ends like cards: all of them once, in random
 * order, then all again. So five requests in a row meet every front end, and fewer prove nothing.
 */
export class Balancer {
  readonly #hands = new Map<string, number[]>();
  readonly #random = seeded(1);

  pick(caller: string): number {
    let hand = this.#hands.get(caller);
    if (!hand?.length) {
      hand = shuffled(
        DELAYS.map((_, frontEnd) => frontEnd),
        this.#random,
      );
      this.#hands.set(caller, hand);
    }
    return hand.pop()!;
  }
}

function shuffled(cards: number[], random: () => number): number[] {
  for (let i = cards.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [cards[i], cards[j]] = [cards[j]!, cards[i]!];
  }
  return cards;
}

/** Mulberry32: small, and the same sequence in every life. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
