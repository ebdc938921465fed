/**
 * Strategies, what a vendor can, what was accepted, what fails and is said, what somebody else
 * does to the keys: a person who does nothing but what is offered comes to the end.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { useStage } from './fakes/stage.js';
import type { KeyState } from './fakes/vendor.js';
import type { Setting, World } from './fakes/world.js';

const stage = useStage();

/** `REKEY_MODEL_RUNS` and `REKEY_MODEL_SEED` search longer, and elsewhere. */
const numRuns = Number(process.env.REKEY_MODEL_RUNS ?? 24);
const seed = Number(process.env.REKEY_MODEL_SEED ?? 20_261_128);
/** Answers after which a person who was led on gives up. */
const mostAnswers = 24;

const touches = fc.record({
  after: fc.nat({ max: 30 }),
  key: fc.constantFrom(1, 2),
  becomes: fc.constantFrom<KeyState>('deleted', 'disabled', 'replaced'),
});

const cases = fc.record({
  strategy: fc.constantFrom('overlap' as const, 'overlap' as const, 'overlap' as const, 'in-place' as const),
  programs: fc.constantFrom([], ['east/web-1'], ['east/web-1', 'west/cron']),
  holdsOldSecret: fc.boolean(),
  vendor: fc.record({
    disables: fc.boolean(),
    idIsSecret: fc.boolean(),
    listsKeys: fc.constantFrom(true, true, false),
    undoDelete: fc.constantFrom('none' as const, 'api' as const, 'ui' as const),
  }),
  gate: fc.boolean(),
  touches: fc.array(touches, { maxLength: 2 }),
  aborts: fc.option(fc.nat({ max: 30 })),
  fails: fc.option(
    fc.constantFrom('confirmConsumer', 'distribute', 'confirmDeployed', 'updateSecret', 'removeOrphans', 'proveDead'),
  ),
});
type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;

/** What searches have found before. */
const kept: readonly Case[] = [
  {
    strategy: 'overlap',
    programs: ['east/web-1'],
    holdsOldSecret: false,
    vendor: { disables: false, idIsSecret: true, listsKeys: true, undoDelete: 'api' },
    gate: true,
    touches: [],
    aborts: 2,
    fails: 'confirmDeployed',
  },
  {
    strategy: 'overlap',
    programs: ['east/web-1', 'west/cron'],
    holdsOldSecret: true,
    vendor: { disables: true, idIsSecret: false, listsKeys: false, undoDelete: 'ui' },
    gate: true,
    touches: [{ after: 30, key: 1, becomes: 'deleted' }],
    aborts: 14,
    fails: null,
  },
];

const settingOf = ({ gate, strategy, programs, holdsOldSecret, vendor }: Case): Setting => ({
  strategy,
  programs,
  holdsOldSecret,
  // Restoring what was deleted is how such a store enables.
  vendor: { ...vendor, disables: vendor.disables || vendor.undoDelete === 'api' },
  policy: gate ? { approve: ['take-away'] } : {},
});

/** A workflow that fails is taken over, as the sweep does, until the rotation has ended. */
async function untilClosed(world: World): Promise<void> {
  for (let lives = 3; ; lives--) {
    try {
      await world.ended();
      return;
    } catch (error) {
      if (world.ledger.row.outcome !== null) return;
      if (lives === 0) throw error;
      await world.begin({ onlyIf: 'open' });
    }
  }
}

async function play(world: World, { touches: others, aborts, fails }: Case): Promise<void> {
  const { script, vendor } = world;
  if (fails) script.fails(fails, 'KR_HOST_REFUSED', { times: 2 });
  for (const { after, key, becomes } of others)
    void script.until((log) => log.length >= after).then(() => vendor!.keys.has(key) && vendor!.keys.set(key, becomes));
  if (aborts !== null)
    void script
      .until((log) => log.length >= aborts)
      .then(() => world.say('abort'))
      .catch(() => undefined);
  await world.begin();
  let over = false;
  const ended = untilClosed(world).finally(() => {
    over = true;
  });
  ended.catch(() => undefined);
  const taken = new Map<string, number>();
  for (let answers = 0; !over; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const wait = world.ledger.asked.at(-1);
    if (!wait) continue;
    expect(wait.nextCommands.length, `an exit is offered for "${wait.text}"`).toBeGreaterThan(0);
    // One exit after the other, as often as it takes: each is offered because it can succeed.
    const turn = taken.get(wait.text) ?? 0;
    const exit = wait.nextCommands[turn % wait.nextCommands.length]!;
    const consumer = exit === 'exempt' ? (world.required[0] ?? null) : null;
    try {
      await world.untilLegal(exit as 'retry');
      await world.say(exit as 'retry', consumer, null, exit === 'exempt' || exit === 'abort' ? null : wait.number);
      taken.set(wait.text, turn + 1);
      expect(++answers, `it is led on: ${[...taken.keys()].join(' | ')}`).toBeLessThan(mostAnswers);
    } catch (error) {
      // It went on by itself meanwhile.
      if (world.ledger.asked.some(({ number }) => number === wait.number) && !over) throw error;
    }
  }
  await ended;
  expect(world.outside.harm).toEqual([]);
}

describe('a run', () => {
  it('has an exit wherever it stands still, and it is the one that is offered', async () => {
    const all = [...kept, ...fc.sample(cases, { numRuns, seed })];
    const found: string[] = [];
    const queue = [...all.entries()];
    const next = async (): Promise<void> => {
      for (let entry = queue.shift(); entry; entry = queue.shift()) {
        const [index, one] = entry;
        const world = stage.world(settingOf(one));
        try {
          await play(world, one);
        } catch (error) {
          const lately = world.script.log.slice(-6).map((e) => `${e.label}: ${e.how}`);
          found.push(
            `${index} ${JSON.stringify(one)}: ${(error as Error).message}; ${world.waits.join(' | ')}; ${lately.join(', ')}`,
          );
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, next));
    expect(found).toEqual([]);
  });
});
