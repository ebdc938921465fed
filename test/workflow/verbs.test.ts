/** What may be said to a rotation at every moment: what is legal is written down before it has its effect, what is not leaves no trace. */
import { describe, expect, it } from 'vitest';
import type { Verb } from '../../workflows/domain/verbs.js';
import { useStage } from './fakes/stage.js';
import { never, type Setting, type World } from './fakes/world.js';

const stage = useStage();
const all: readonly Verb[] = ['approve', 'reject', 'pause', 'resume', 'retry', 'skip', 'exempt', 'expedite', 'abort'];
const update = { options: { update: { change: { kind: 'declared' }, accepted: false } } } as const;
const inPlace = { strategy: 'in-place' } as const;
const overlap = { disables: true } as const;

interface Moment {
  readonly name: string;
  readonly setting: Setting;
  /** Held while everything is said. */
  readonly at: string;
  /** Said to while this was held before. */
  readonly aborted?: string;
  readonly legal: readonly Verb[];
}

/** From docs/lifecycle.md, by hand: the table of the product must not be held against itself. */
const moments: readonly Moment[] = [
  // Before the plan is frozen there is nobody to exempt.
  { name: 'overlap, preparing', setting: overlap, at: 'preflightStore', legal: ['pause', 'expedite', 'abort'] },
  { name: 'overlap, minting', setting: overlap, at: 'mintVersion', legal: ['pause', 'exempt', 'expedite', 'abort'] },
  {
    name: 'overlap, distributing',
    setting: overlap,
    at: 'handOut wave-2/web-2',
    legal: ['pause', 'exempt', 'expedite', 'abort'],
  },
  { name: 'overlap, draining', setting: overlap, at: 'drain 1', legal: ['pause', 'exempt', 'expedite', 'abort'] },
  { name: 'overlap, disabling', setting: overlap, at: 'disableVersion 1', legal: ['pause', 'exempt', 'expedite', 'abort'] },
  { name: 'overlap, soaking', setting: overlap, at: 'watchSoak 1 east', legal: ['pause', 'exempt', 'expedite', 'abort'] },
  { name: 'overlap, revoking', setting: overlap, at: 'revokeVersion 1', legal: ['pause', 'exempt'] },
  { name: 'overlap, proving the old key dead', setting: overlap, at: 'proveDead', legal: ['pause', 'skip', 'exempt'] },
  { name: 'overlap, closing', setting: overlap, at: 'removeStrays', legal: [] },
  { name: 'overlap, going back', setting: overlap, at: 'handOut back-1/web-1', aborted: 'drain 1', legal: ['pause', 'exempt'] },
  {
    name: 'overlap, revoking on the way back',
    setting: overlap,
    at: 'revokeVersion back-1',
    aborted: 'drain 1',
    legal: ['pause', 'exempt'],
  },
  { name: 'in place, preparing', setting: inPlace, at: 'preflightStore', legal: ['pause', 'abort'] },
  { name: 'in place, taking leases', setting: inPlace, at: 'takeLeases', legal: ['pause', 'exempt', 'abort'] },
  { name: 'in place, undeploying', setting: inPlace, at: 'undeployConsumer 1/web-1', legal: ['exempt', 'abort'] },
  { name: 'in place, waiting for the programs to stop', setting: inPlace, at: 'awaitStopped east', legal: ['exempt', 'abort'] },
  { name: 'in place, regenerating', setting: inPlace, at: 'regenerateSecret 1', legal: ['exempt'] },
  { name: 'in place, updating', setting: inPlace, at: 'updateSecret 1/web-1', legal: ['exempt'] },
  { name: 'in place, proving the secret', setting: inPlace, at: 'proveSecret 1', legal: ['exempt'] },
  { name: 'in place, deploying', setting: inPlace, at: 'deployConsumer forward-1/web-1', legal: ['exempt'] },
  {
    name: 'in place, going back',
    setting: inPlace,
    at: 'deployConsumer back-1/web-1',
    aborted: 'awaitStopped west',
    legal: ['exempt'],
  },
  { name: 'update, planning', setting: update, at: 'planUpdate', legal: ['pause', 'abort'] },
  { name: 'update, changing', setting: update, at: 'changeKey 1', legal: ['pause', 'abort'] },
  { name: 'update, going back', setting: update, at: 'putBackKey 1', aborted: 'proveImage', legal: ['pause'] },
];

async function verbsTaken(world: World): Promise<number> {
  const { events } = await world.handle.fetchHistory();
  return (events ?? []).filter((e) => e.workflowExecutionUpdateAcceptedEventAttributes).length;
}

async function expectRefused(world: World, verbs: readonly Verb[]): Promise<void> {
  const before = await verbsTaken(world);
  for (const verb of verbs)
    await expect(world.say(verb, 'web-1'), verb).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
  expect(await verbsTaken(world)).toBe(before);
}

/** Waits of which no step is held. */
const others = (legal: readonly Verb[]) => all.filter((verb) => !legal.includes(verb));

describe.concurrent('what is not legal is refused without a trace, and what is can be asked for', () => {
  it.each(moments)('$name', async ({ setting, at, aborted, legal }) => {
    const world = stage.world(setting);
    const first = aborted === undefined ? null : world.script.holds(aborted);
    const held = world.script.holds(at);
    await world.begin();
    if (first) {
      await world.reached(first);
      await world.say('abort');
    }
    await world.reached(held);
    expect(await world.legalVerbs()).toEqual(legal);
    await expectRefused(world, others(legal));
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: aborted === undefined ? 'completed' : 'compensated' });
    expect(world.count('note verb')).toBe(aborted === undefined ? 0 : 1);
  });

  const waits: readonly [
    name: string,
    setting: Setting,
    fails: string | null,
    text: string,
    legal: readonly Verb[],
    end: Verb,
  ][] = [
    [
      'at the first gate',
      { policy: { approve: ['start'] } },
      null,
      '(start)',
      ['approve', 'reject', 'pause', 'exempt', 'expedite', 'abort'],
      'abort',
    ],
    [
      'at the second gate',
      { policy: { approve: ['take-away'] } },
      null,
      '(take-away)',
      ['approve', 'reject', 'pause', 'exempt', 'expedite', 'abort'],
      'abort',
    ],
    [
      'where a person makes the key',
      { assisted: ['mint'] },
      null,
      '',
      ['reject', 'pause', 'exempt', 'expedite', 'abort'],
      'reject',
    ],
    ['behind a revoke that failed', {}, 'revokeVersion', 'KR_STORE_REFUSED', ['pause', 'retry', 'exempt'], 'retry'],
    ['in closing, behind a step that failed', {}, 'removeStrays', 'KR_STORE_REFUSED', ['retry'], 'retry'],
    ['in place, behind an update that failed', inPlace, 'updateSecret 1/web-1', 'KR_STORE_REFUSED', ['retry', 'exempt'], 'retry'],
  ];

  it.each(waits)('%s', async (_, setting, fails, text, legal, end) => {
    const world = stage.world(setting);
    if (fails) world.script.fails(fails, 'KR_STORE_REFUSED');
    await world.begin();
    if (text) await world.untilWaits(text);
    await world.untilLegal(end);
    expect(await world.legalVerbs()).toEqual(legal);
    await expectRefused(world, others(legal));
    await world.say(end);
    expect((await world.ended()).outcome).toMatch(/completed|refused|compensated/);
  });
});

describe.concurrent('a verb', () => {
  it('that is meant for a phase that is over is refused', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const refused = { cause: { type: 'KR_VERB_ILLEGAL', message: 'the rotation is draining now, not distributing' } };
    await expect(world.say('abort', null, 'distributing')).rejects.toMatchObject(refused);
    expect(await world.say('pause', null, 'draining')).toEqual({ rotation: `${world.credential}#2`, phase: 'draining' });
    await world.say('resume');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('of two at once turns the rotation back once', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const said = await Promise.allSettled([world.say('abort'), world.say('expedite'), world.say('abort')]);
    expect(said[0]!.status).toBe('fulfilled');
    await expect(world.say('abort')).rejects.toThrow();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated', reason: 'aborted by test: a test' });
    expect(world.count('note turn-back')).toBe(1);
  });

  it('is written down with who said it and why, in the phase in which it was said', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    held.release();
    await world.ended();
    const { step, input } = world.last('note verb exempt');
    expect(step?.phase).toBe('draining');
    expect(input.note).toEqual({ kind: 'verb', verb: 'exempt', by: 'test', reason: 'a test', consumer: 'cron' });
  });
});

/** Each is refused by the ledger; what follows shows that it had no effect. */
describe.concurrent('a verb that cannot be written down has no effect', () => {
  const unrecorded = async (verb: Verb, setting: Setting = {}) => {
    const world = stage.world(setting);
    world.script.fails(`note verb ${verb}`, 'KR_INTERNAL');
    return {
      world,
      say: () => expect(world.say(verb, verb === 'exempt' ? 'cron' : null)).rejects.toThrow(),
    };
  };

  it.each(['abort', 'pause', 'exempt'] as const)('%s', async (verb) => {
    const { world, say } = await unrecorded(verb);
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await say();
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.waits, world.count('inspectConsumers west')]).toEqual([[], 1]);
  });

  it.each(['approve', 'reject'] as const)('%s', async (verb) => {
    const { world, say } = await unrecorded(verb, { policy: { approve: ['start'] } });
    await world.begin();
    await world.untilLegal(verb);
    await say();
    await world.say('expedite');
    expect([await world.legalVerbs(), world.count('mintVersion')]).toEqual([
      ['approve', 'reject', 'pause', 'exempt', 'abort'],
      0,
    ]);
    await world.say(verb === 'approve' ? 'reject' : 'approve');
    expect(await world.ended()).toMatchObject({ outcome: verb === 'approve' ? 'refused' : 'completed' });
  });

  it.each(['expedite', 'skip'] as const)('%s', async (verb) => {
    const { world, say } = await unrecorded(verb, { rollout: { bake: never, canary: 0, wave: { share: 1 } } });
    await world.begin();
    await world.untilLegal('skip');
    await say();
    await world.say(verb === 'skip' ? 'expedite' : 'skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('resume', async () => {
    const { world, say } = await unrecorded('resume');
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    held.release();
    await world.untilWaits('resume');
    await say();
    expect(await world.legalVerbs()).toContain('resume');
    await world.say('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });

  it('retry', async () => {
    const { world, say } = await unrecorded('retry');
    world.script.fails('removeStrays', 'KR_STORE_REFUSED');
    await world.begin();
    await world.untilLegal('retry');
    await say();
    await world.say('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

/** Accepted, but not written down yet, when the run comes to the point of no return. */
describe.concurrent('an abort that is still being written down', () => {
  it.each([
    ['revoke', {}, 'inspectConsumers west', 'revokeVersion', 'compensated'],
    ['regenerate', inPlace, 'awaitStopped west', 'regenerateSecret', 'compensated'],
  ] as const)('is not overtaken by the %s that it is to prevent', async (_, setting, before, prevented, outcome) => {
    const world = stage.world({ ...setting, taskTimeout: '1s' });
    const last = world.script.holds(before);
    const note = world.script.holds('note verb abort');
    await world.begin();
    await world.reached(last);
    const said = world.say('abort');
    await world.reached(note);
    last.release();
    // The run is told of the look's end while it waits for the note.
    await world.untilTold(before);
    note.release();
    await said;
    expect(await world.ended()).toMatchObject({ outcome });
    expect(world.script.log.filter((e) => e.label.startsWith(prevented) && e.step?.phase !== 'compensating')).toEqual([]);
  });
});
