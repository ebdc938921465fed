/**
 * What may be said to a rotation at every moment: what is legal is written down before it has its
 * effect, what is not leaves no trace.
 */
import { describe, expect, it } from 'vitest';
import { type Verb, verbs } from '../../workflows/domain/verbs.js';
import { tester } from '../support/who.js';
import { useStage } from './fakes/stage.js';
import { never, type Setting, type World } from './fakes/world.js';

const stage = useStage();
const update = { options: { update: { change: { kind: 'declared' }, accepted: false } } } as const;
const inPlace = { strategy: 'in-place' } as const;
const overlap = { disables: true } as const;

/**
 * What is legal while a step is held, by docs/lifecycle.md and by hand: the table of the product
 * must not be held against itself.
 */
type Moments = readonly (readonly [held: string, legal: readonly Verb[]])[];

const open: readonly Verb[] = ['pause', 'exempt', 'expedite', 'abort'];
const rotations: readonly (readonly [name: string, setting: Setting, aborted: string | null, moments: Moments])[] = [
  [
    'an overlap rotation',
    overlap,
    null,
    [
      // Before the plan is frozen there is nobody to exempt.
      ['preflightStore', ['pause', 'expedite', 'abort']],
      // Nothing was handed out yet.
      ['mintVersion', ['pause', 'exempt', 'amend', 'expedite', 'abort']],
      ['distribute wave-2/web-2', open],
      ['drain 1', open],
      ['disableVersion 1', open],
      ['watchSoak 1 east', open],
      ['revokeVersion 1', ['pause', 'exempt']],
      ['proveDead', ['pause', 'skip', 'exempt']],
      ['removeOrphans', []],
    ],
  ],
  [
    'an overlap rotation that goes back',
    overlap,
    'watchSoak 1 east',
    [
      ['enableVersion back-1', ['pause', 'exempt']],
      ['distribute back-1/web-1', ['pause', 'exempt']],
      ['revokeVersion back-1', ['pause', 'exempt']],
      ['removeOrphans', []],
    ],
  ],
  [
    'an in-place rotation',
    inPlace,
    null,
    [
      ['preflightStore', ['pause', 'abort']],
      ['takeLeases', ['pause', 'exempt', 'amend', 'abort']],
      ['undeployConsumer 1/web-1', ['exempt', 'abort']],
      ['awaitStopped east', ['exempt', 'abort']],
      ['regenerateSecret 1', ['exempt']],
      ['updateSecret 1/web-1', ['exempt']],
      ['proveSecret 1', ['exempt']],
      ['deployConsumer forward-1/web-1', ['exempt']],
    ],
  ],
  ['an in-place rotation that goes back', inPlace, 'awaitStopped east', [['deployConsumer back-1/web-1', ['exempt']]]],
  [
    'a change of a key',
    update,
    null,
    [
      ['planUpdate', ['pause', 'abort']],
      ['changeKey 1', ['pause', 'abort']],
    ],
  ],
  ['a change of a key that goes back', update, 'proveImage', [['putBackKey 1', ['pause']]]],
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

const others = (legal: readonly Verb[]) => verbs.filter((verb) => !legal.includes(verb));

describe.concurrent('what is not legal is refused without a trace, and what is can be asked for', () => {
  it.each(rotations)('at every step of %s', async (_, setting, aborted, moments) => {
    const world = stage.world(setting);
    const first = aborted === null ? null : world.script.holds(aborted);
    const holds = moments.map(([label, legal]) => ({ hold: world.script.holds(label), legal }));
    await world.begin();
    if (first) {
      await world.reached(first);
      await world.say('abort');
      first.release();
    }
    for (const { hold, legal } of holds) {
      await world.reached(hold);
      expect([hold.label, await world.legalVerbs()]).toEqual([hold.label, legal]);
      await expectRefused(world, others(legal));
      hold.release();
    }
    expect(await world.ended()).toMatchObject({ outcome: aborted === null ? 'completed' : 'compensated' });
    expect(world.count('recordVerb')).toBe(aborted === null ? 0 : 1);
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
      ['approve', 'reject', 'pause', 'exempt', 'amend', 'expedite', 'abort'],
      'abort',
    ],
    [
      'where a person makes the key',
      { manual: ['mint'] },
      null,
      '',
      ['reject', 'pause', 'exempt', 'amend', 'expedite', 'abort'],
      'reject',
    ],
    ['behind a revoke that failed', {}, 'revokeVersion', 'KR_STORE_REFUSED', ['pause', 'retry', 'exempt'], 'retry'],
    ['in closing, behind a step that failed', {}, 'removeOrphans', 'KR_STORE_REFUSED', ['retry'], 'retry'],
    ['in place, behind an update that failed', inPlace, 'updateSecret 1/web-1', 'KR_STORE_REFUSED', ['retry', 'exempt'], 'retry'],
  ];

  it.each(waits)('%s', async (_, setting, fails, text, legal, end) => {
    const world = stage.world({ programs: ['east/web-1'], ...setting });
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
  it('is refused where it is meant for a phase that is over, and else written down with who said it, when and why', async () => {
    const world = stage.world({ programs: ['east/web-1'] });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const refused = { cause: { type: 'KR_VERB_ILLEGAL', message: 'the rotation is draining now, not distributing' } };
    await expect(world.say('abort', null, 'distributing')).rejects.toMatchObject(refused);
    expect(await world.say('pause', null, 'draining')).toEqual({ run: `${world.credential}#2`, phase: 'draining' });
    const pause = { verb: 'pause', who: tester, wait: null, reason: 'a test', consumer: null };
    expect(world.last('recordVerb pause')).toMatchObject({ step: { phase: 'draining' }, input: { said: pause } });
    await world.say('resume');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('of two at once turns the rotation back once', async () => {
    const world = stage.world({ programs: ['east/web-1'] });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const said = await Promise.allSettled([world.say('abort'), world.say('abort')]);
    expect(said.map(({ status }) => status)).toContain('fulfilled');
    await expect(world.say('abort')).rejects.toThrow();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated', reason: 'aborted by test: a test' });
    expect(world.count('turnBack')).toBe(1);
  });

  it('that approves one gate does not pass the next, however often it is said', async () => {
    const world = stage.world({ programs: ['east/web-1'], policy: { approve: ['start', 'take-away'] } });
    const held = world.script.holds('recordVerb approve');
    await world.begin();
    await world.untilLegal('approve');
    const said = [world.say('approve'), world.say('approve')];
    await world.reached(held);
    held.release();
    const answers = await Promise.allSettled(said);
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await world.untilWaits('(take-away)');
    await world.untilLegal('approve');
    expect(world.count('revokeVersion')).toBe(0);
    await expect(world.say('approve', null, null, 0)).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
    await world.say('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('what an operator said survives the loss of the workflow', () => {
  it('an approval is not asked for again, and an abort that was recorded turns the next one back', async () => {
    const world = stage.world({ programs: ['east/web-1'], policy: { approve: ['start'] } });
    const held = world.script.holds('mintVersion');
    await world.begin();
    await world.sayOnceLegal('approve');
    await world.reached(held);
    await world.takeOver();
    await world.untilDone('mintVersion', 1);
    expect(world.count('recordVerb approve')).toBe(1);
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });

    const aborted = stage.world({ programs: ['east/web-1'] });
    const drained = aborted.script.holds('drain 1');
    await aborted.begin();
    await aborted.reached(drained);
    // Committed by a workflow that is lost before it could obey.
    await aborted.ledger.recordVerb(aborted.script.log.at(-1)!.step!, {
      updateId: 'lost',
      verb: 'abort',
      who: tester,
      wait: null,
      reason: 'a test',
      consumer: null,
    });
    await aborted.takeOver();
    expect(await aborted.ended()).toMatchObject({ outcome: 'compensated', reason: 'aborted by test: a test' });
  });
});

/** The ledger takes none of them; what follows shows that they had no effect. */
describe.concurrent('a verb that cannot be written down has no effect', () => {
  function unrecorded(setting: Setting) {
    const world = stage.world(setting);
    const sayAll = async (...verbs: readonly Verb[]) => {
      for (const verb of verbs) {
        world.script.fails(`recordVerb ${verb}`, 'KR_INTERNAL');
        await expect(world.say(verb, verb === 'exempt' ? 'cron' : null), verb).rejects.toThrow();
      }
    };
    return { world, sayAll };
  }

  it('at a gate, in a bake, and while the old key is watched', async () => {
    const { world, sayAll } = unrecorded({
      policy: { approve: ['start'] },
      rollout: { bake: never, canary: 0, wave: { share: 1 } },
    });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.untilLegal('approve');
    await sayAll('reject', 'approve');
    expect([(await world.legalVerbs()).slice(0, 2), world.count('mintVersion')]).toEqual([['approve', 'reject'], 0]);
    await world.say('approve');
    await world.untilLegal('skip');
    await sayAll('expedite', 'skip');
    expect(await world.legalVerbs()).toEqual(['pause', 'skip', 'exempt', 'expedite', 'abort']);
    await world.say('skip');
    await world.reached(held);
    await sayAll('pause', 'exempt', 'abort');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.waits, world.count('inspectConsumers west')]).toEqual([
      ['an approval (start)', 'wave 1 to show that it does well'],
      1,
    ]);
  });

  it('resume, retry', async () => {
    const world = stage.world({ programs: ['east/web-1'] });
    for (const verb of ['resume', 'retry']) world.script.fails(`recordVerb ${verb}`, 'KR_INTERNAL');
    world.script.fails('removeOrphans', 'KR_STORE_REFUSED');
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    held.release();
    await world.untilWaits('resume');
    for (const verb of ['resume', 'retry'] as const) {
      await world.untilLegal(verb);
      await expect(world.say(verb), verb).rejects.toThrow();
      expect(await world.legalVerbs()).toContain(verb);
      await world.say(verb);
    }
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
    const note = world.script.holds('recordVerb abort');
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
