/** What becomes of a rotation that is open when a leak is told, in every combination of facts. */
import { describe, expect, it } from 'vitest';
import { type Replan, type ReplanFacts, replanOf } from '../../../workflows/domain/replan.js';

const facts: ReplanFacts = {
  way: 'rotate',
  direction: 'forward',
  crossed: false,
  bound: false,
  oldLeaked: true,
  newLeaked: false,
  newStands: true,
};
const new_ = { oldLeaked: false, newLeaked: true } as const;
const both = { oldLeaked: true, newLeaked: true } as const;
const back = { direction: 'back' } as const;

describe('a rotation whose key has leaked', () => {
  it.each<[string, Partial<ReplanFacts>, Replan]>([
    ['hurries forward from the leaked one', {}, 'hurry'],
    ['hurries forward where only an older one has leaked', { oldLeaked: false }, 'hurry'],
    ['hurries on behind the point of no return', { crossed: true, bound: true }, 'hurry'],
    ['turns back from a new one that has leaked', new_, 'turn-back'],
    ['ends where nothing can be given back in its place', { ...new_, bound: true }, 'supersede'],
    ['ends where the new one has to die now', { ...new_, way: 'contain' }, 'supersede'],
    ['ends where both have leaked', both, 'supersede'],
    ['ends where the old one may be gone and the new one has leaked', { ...new_, crossed: true }, 'supersede'],
    ['stays with the new one in place of going back to a leaked one', back, 'keep-new'],
    ['ends on its way back where there is no new one', { ...back, newStands: false }, 'supersede'],
    ['ends on its way back where the old one has to die now', { ...back, way: 'contain' }, 'supersede'],
    ['goes on going back from a new one that has leaked', { ...back, ...new_ }, 'let-end'],
    ['ends on its way back where both have leaked', { ...back, ...both }, 'supersede'],
    ['goes on going back where neither has', { ...back, oldLeaked: false }, 'let-end'],
  ])('%s', (_, given, replan) => {
    expect(replanOf({ ...facts, ...given })).toBe(replan);
  });

  const yesNo = [true, false];
  const every = (['rotate', 'contain'] as const).flatMap((way) =>
    (['forward', 'back'] as const).flatMap((direction) =>
      yesNo.flatMap((crossed) =>
        yesNo.flatMap((bound) =>
          yesNo.flatMap((oldLeaked) =>
            yesNo.flatMap((newLeaked) =>
              yesNo.map((newStands) => ({ way, direction, crossed, bound, oldLeaked, newLeaked, newStands })),
            ),
          ),
        ),
      ),
    ),
  );

  it('is never left on what has leaked, whatever else holds', () => {
    for (const given of every) {
      const replan = replanOf(given);
      // These hand out the new version, or leave it in place.
      if (replan === 'hurry' || replan === 'keep-new') expect(given.newLeaked).toBe(false);
      // These give the old one back.
      if (replan === 'turn-back' || replan === 'let-end') expect(given.oldLeaked).toBe(false);
      if (replan === 'turn-back' || replan === 'keep-new') expect(given.crossed).toBe(false);
    }
  });
});
