/**
 * Decides what becomes of an overlap rotation that is open when a leak is told: nobody is handed
 * what has leaked, and what has leaked dies. In place there is one key, and one way on, unless what
 * it made has leaked.
 */
import type { Way } from './incident.js';
import type { Direction } from './states.js';

/**
 * `hurry`: it answers for the leak itself. `turn-back`: the new version goes, as after an abort.
 * `keep-new`: it was going back to what has leaked, and stays with the new version. `let-end`: it
 * ends as it was going to. `supersede`: it ends where it stands; the next run makes a third version
 * and ends all others.
 */
export type Replan = 'hurry' | 'turn-back' | 'keep-new' | 'let-end' | 'supersede';

export interface ReplanFacts {
  readonly way: Way;
  readonly direction: Direction;
  /** The end of the old version may be out. */
  readonly crossed: boolean;
  /** Consumers may hold the new version, and there is nothing to give back to them. */
  readonly bound: boolean;
  readonly oldLeaked: boolean;
  readonly newLeaked: boolean;
  /** The new version was made, and not removed. */
  readonly newStands: boolean;
}

export function replanOf({ way, direction, crossed, bound, oldLeaked, newLeaked, newStands }: ReplanFacts): Replan {
  // Nobody can be handed the new version any more, and the old one may be gone.
  if (crossed) return newLeaked ? 'supersede' : 'hurry';
  if (direction === 'back') {
    if (newLeaked) return oldLeaked || way === 'contain' ? 'supersede' : 'let-end';
    if (!oldLeaked) return 'let-end';
    return way === 'rotate' && newStands ? 'keep-new' : 'supersede';
  }
  if (!newLeaked) return 'hurry';
  return oldLeaked || way === 'contain' || bound ? 'supersede' : 'turn-back';
}
