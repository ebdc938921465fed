/**
 * Gates, windows and pauses: what waits for leave has changed nothing yet, and leave holds for what
 * it was given for.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { Setting } from './fakes/world.js';
import { never } from './fakes/world.js';

const stage = useStage();
/** Where it does not matter how many there are. */
const one = { programs: ['east/web-1'] } as const;
const behind = 'KR_CONSUMER_BEHIND';

describe.concurrent('the gate before the first change', () => {
  const gated = (policy: Setting['policy'] = {}) => stage.world({ ...one, policy: { approve: ['start'], ...policy } });

  it('is passed when somebody approves, and only then is a key made', async () => {
    const world = gated();
    await world.begin();
    await world.untilWaits('an approval (start)');
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expectOrder(
      world,
      ['freezePlan', 'openWait', 'recordVerb approve', 'mintVersion'],
      only('freezePlan', ...notes, 'mintVersion'),
    );
  });

  it('ends the rotation with nothing changed when somebody rejects', async () => {
    const world = gated();
    await world.begin();
    await world.sayOnceLegal('reject');
    expect(await world.ended()).toMatchObject({ outcome: 'refused', reason: 'rejected by test: a test' });
    expectOrder(world, ['openWait', 'recordVerb reject', 'turnBack', 'close refused'], only(...notes, 'close', 'mintVersion'));
  });

  it('ends the rotation with nothing changed when nobody answers in time', async () => {
    const world = gated({ approveWithin: 50 });
    expect(await world.run()).toMatchObject({ outcome: 'refused', reason: 'nobody approved it in time' });
    expect(world.count('mintVersion')).toBe(0);
  });
});

describe.concurrent('the gate before something is taken away', () => {
  it('stands behind the drain and before the look at everyone, and both keys live while it waits', async () => {
    const world = stage.world({ ...one, policy: { approve: ['take-away'] }, disables: true });
    await world.begin();
    await world.untilWaits('an approval (take-away)');
    expect(world.ledger.states).toEqual({ 1: 'retiring', 2: 'active' });
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const steps = only('drain', ...notes, 'inspectConsumers east', 'disableVersion', 'revokeVersion');
    expectOrder(
      world,
      [
        'drain 1',
        'openWait',
        'recordVerb approve',
        'inspectConsumers east',
        'disableVersion 1',
        'inspectConsumers east',
        'revokeVersion 1',
      ],
      steps,
    );
  });

  it('sounds an alarm when nobody answers in time, and goes on waiting', async () => {
    const world = stage.world({ ...one, policy: { approve: ['take-away'], approveWithin: 50 } });
    await world.begin();
    await world.untilWaits('an approval (take-away); overdue');
    expect([world.count('inspectConsumers'), world.ledger.states]).toEqual([0, { 1: 'retiring', 2: 'active' }]);
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('turns the rotation back when somebody rejects', async () => {
    const world = stage.world({ ...one, policy: { approve: ['take-away'] } });
    await world.begin();
    await world.sayOnceLegal('reject');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.ledger.states).toEqual({ 1: 'active', 2: 'revoked' });
  });

  it('asks again after a new round: an approval holds for what was seen when it was given', async () => {
    const world = stage.world({ ...one, policy: { approve: ['take-away'] } });
    world.script.fails('revokeVersion 1', behind, { times: 2 });
    const drain = world.script.holds('drain 2');
    await world.begin();
    await world.sayOnceLegal('approve');
    await world.reached(drain);
    expect(await world.legalVerbs()).not.toContain('approve');
    drain.release();
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const gate = ['openWait', 'recordVerb approve', 'inspectConsumers east'];
    const refused = ['revokeVersion 1', 'inspectConsumers east', 'revokeVersion 1', 'beginRound 2'];
    expectOrder(world, [...gate, ...refused, ...gate, 'revokeVersion 2'], only(...notes, 'inspectConsumers', 'revokeVersion'));
  });
});

describe.concurrent('a window', () => {
  const window = 'Sun 02:00-03:00 UTC';
  const opens = (inMs: number) => ({ at: '2030-01-06T02:00:00.000Z', inMs });

  it('that is closed refuses the rotation before any change, with the time at which it opens', async () => {
    const world = stage.world({ ...one, policy: { window } });
    world.script.answers('windowOpening', opens(never));
    expect(await world.run()).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/opens at 2030-01-06T02:00.*--outside-window/) as string,
    });
    expect(world.count('freezePlan')).toBe(0);
  });

  it('that has closed before the approval came is waited for', async () => {
    const world = stage.world({ ...one, policy: { window, approve: ['start'] } });
    for (const inMs of [0, 50, 0]) world.script.answers('windowOpening', opens(inMs));
    await world.begin();
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expectOrder(
      world,
      ['windowOpening', 'openWait', 'recordVerb approve', 'windowOpening', 'openWait', 'windowOpening', 'mintVersion'],
      only('windowOpening', ...notes, 'mintVersion'),
    );
    expect(world.waits[1]).toBe(`its window ${window} to open`);
  });

  it('is asked about once where nobody has to approve, and never when an operator does not want to wait for it', async () => {
    const [world, outside] = [{ policy: { window } }, { policy: { window }, options: { outsideWindow: true } } as const].map(
      stage.world,
    );
    for (const inMs of [0, never]) world!.script.answers('windowOpening', opens(inMs));
    expect(await world!.run()).toMatchObject({ outcome: 'completed' });
    expect(await outside!.run()).toMatchObject({ outcome: 'completed' });
    expect([world!.count('windowOpening'), outside!.count('windowOpening')]).toEqual([1, 0]);
  });
});

describe.concurrent('a pause', () => {
  it('stands still at every point between steps, with no lease held, until it is resumed', async () => {
    const world = stage.world({ disables: true });
    /** Said during the first, it stands still before the second. */
    const points = [
      ['preflightStore', 'mintVersion'],
      ['distribute wave-1/web-1', 'distribute wave-2/web-2'],
      ['drain 1', 'inspectConsumers east'],
      ['watchSoak 1 east', 'revokeVersion 1'],
    ].map(([during, before]) => ({ held: world.script.holds(during!), before: before! }));
    await world.begin();
    for (const [index, { held, before }] of points.entries()) {
      await world.reached(held);
      await world.say('pause');
      held.release();
      await world.untilWaits('an operator to resume it', index + 1);
      expect([before, world.count(before), world.ledger.leases]).toEqual([before, 0, []]);
      expect(await world.legalVerbs()).not.toContain('pause');
      await world.say('resume');
    }
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('recordVerb pause'), world.count('recordVerb resume')]).toEqual([4, 4]);
  });

  it('on the way back stands still before the new key is taken away', async () => {
    const world = stage.world(one);
    const drain = world.script.holds('drain 1');
    const back = world.script.holds('distribute back-1/web-1');
    await world.begin();
    await world.reached(drain);
    await world.say('abort');
    await world.reached(back);
    await world.sayOnceLegal('pause');
    back.release();
    await world.untilWaits('an operator to resume it');
    expect([world.count('inspectConsumers'), world.count('revokeVersion')]).toEqual([0, 0]);
    await world.say('resume');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });

  it('at the gate holds before the programs are stopped, although somebody approves', async () => {
    const world = stage.world({ ...one, strategy: 'in-place', policy: { approve: ['start'] } });
    await world.begin();
    await world.untilLegal('approve');
    await world.say('pause');
    await world.say('approve');
    await world.untilWaits('an operator to resume it');
    expect([world.count('takeLeases'), world.count('undeployConsumer')]).toEqual([0, 0]);
    await world.say('resume');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('does not hold up the way back', async () => {
    const world = stage.world(one);
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    await world.say('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.waits).toEqual([]);
  });

  it('holds for the run that takes over, too', async () => {
    const world = stage.world(one);
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    await world.takeOver();
    await world.untilWaits('an operator to resume it');
    await world.say('resume');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('a bake', () => {
  const baking = async () => {
    const world = stage.world({ rollout: { bake: never, canary: 1, wave: { share: 1 } } });
    await world.begin();
    return world;
  };

  it('keeps the next wave back until it is skipped, wave by wave', async () => {
    const world = await baking();
    await world.sayOnceLegal('skip');
    await world.untilBegun('confirmConsumer wave-2/cron');
    expect(world.count('cutOver')).toBe(0);
    await world.sayOnceLegal('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const steps = [
      'distribute wave-1/web-1',
      'confirmConsumer wave-1/web-1',
      'recordVerb skip',
      'distribute wave-2/cron',
      'cutOver 1',
    ];
    expectOrder(world, [...steps.slice(0, 4), 'recordVerb skip', 'cutOver 1'], only(...steps));
  });

  it('is ended by an operator in a hurry, and so are those that follow', async () => {
    const world = await baking();
    await world.untilLegal('skip');
    await world.say('expedite');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('an operator in a hurry', () => {
  it.each(['drain 1', 'watchSoak 1 east'])('has %s asked once more at once, and its answer counts', async (label) => {
    const world = stage.world({ ...one, disables: true });
    const held = world.script.holds(label);
    await world.begin();
    await world.reached(held);
    await world.say('expedite');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.script.log.map((e) => e.label).filter(only(label, ...notes))).toEqual([label, 'recordVerb expedite', label]);
  });
});
