/**
 * Two operators, messages that are late or come twice, workflows that are lost between record and
 * effect, plans that change: what was said ends one wait, and no other.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Mistake, VerbsWorld } from '../../support/model/verbs-world.js';

/** `REKEY_MODEL_RUNS` and `REKEY_MODEL_SEED` search longer, and elsewhere. */
const numRuns = Number(process.env.REKEY_MODEL_RUNS ?? 1_500);
const seed = Number(process.env.REKEY_MODEL_SEED ?? 20_261_128);
const tape = fc.array(fc.nat({ max: 100_000 }), { minLength: 10, maxLength: 120 });

function search(mistake: Mistake, runs: number) {
  return fc.check(
    fc.property(tape, (moves) => {
      const world = new VerbsWorld(mistake);
      try {
        world.play(moves);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${world.trace.join('\n')}`);
      }
    }),
    { numRuns: runs, seed, endOnFailure: true },
  );
}

describe('what operators say', () => {
  it('ends one wait and passes one gate, or is recorded with the reason why it does not', () => {
    const { failed, errorInstance } = search(null, numRuns);
    expect(failed, (errorInstance as Error | undefined)?.message).toBe(false);
  }, 60_000);

  it.each([
    'takes any number',
    'forgets the plan',
    'looks at two answers',
    'voids nothing',
  ] as const)('would be found wrong by a ledger that %s', (mistake) => {
    expect(search(mistake, 3_000).failed).toBe(true);
  }, 60_000);
});
