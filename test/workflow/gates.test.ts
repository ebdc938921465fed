/**
 * Gates, windows and pauses: what waits for leave has changed nothing yet, and leave holds for what
 * it was given for.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only, sideBySide } from './fakes/order.js';
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

describe.concurrent('an effect that is not let begin, since what it had waited for does not hold any more', () => {
  const notNow = 'KR_NOT_NOW';
  const window = 'Sun 02:00-03:00 UTC';
  const opens = (inMs: number) => ({ at: '2030-01-06T02:00:00.000Z', inMs });

  it('stops no program, lets go of all of them, and waits for the window to open again', async () => {
    const world = stage.world({ programs: ['east/web-1', 'west/cron'], strategy: 'in-place', policy: { window } });
    for (const inMs of [0, 50, 0]) world.script.answers('windowOpening', opens(inMs));
    for (const name of ['web-1', 'cron']) world.script.fails(`undeployConsumer 1/${name}`, notNow);
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    const both = sideBySide('undeployConsumer 1/web-1', 'undeployConsumer 1/cron');
    expectOrder(
      world,
      [
        'windowOpening',
        'takeLeases',
        both,
        ...['releaseLeases', 'windowOpening', 'openWait', 'windowOpening', 'takeLeases'],
        both,
        'openWindow',
      ],
      only('takeLeases', 'undeployConsumer', 'releaseLeases', ...notes, 'openWindow', 'windowOpening'),
    );
  });

  it('is followed at once where another program was told to stop: the sooner all are down, the better', async () => {
    const world = stage.world({ programs: ['east/web-1', 'west/cron'], strategy: 'in-place' });
    world.script.fails('undeployConsumer 1/cron', notNow);
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect([world.acted('undeployConsumer'), world.count('releaseLeases'), world.waits]).toEqual([2, 0, []]);
  });

  it('has changed nothing where it is aborted then', async () => {
    const world = stage.world({ ...one, strategy: 'in-place', policy: { window } });
    for (const inMs of [0, never]) world.script.answers('windowOpening', opens(inMs));
    world.script.fails('undeployConsumer 1/web-1', notNow);
    await world.begin();
    await world.untilWaits('its window');
    await world.sayOnceLegal('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'refused' });
    expect([world.count('deployConsumer'), world.ledger.leases]).toEqual([0, []]);
  });

  it('can be paused while it waits, since no program is down', async () => {
    const world = stage.world({ ...one, strategy: 'in-place', policy: { window } });
    for (const inMs of [0, never]) world.script.answers('windowOpening', opens(inMs));
    world.script.fails('undeployConsumer 1/web-1', notNow);
    await world.begin();
    await world.untilWaits('its window');
    expect(await world.legalVerbs()).toContain('pause');
    await world.sayOnceLegal('abort');
    await world.ended();
  });

  it('makes no key before everything holds again', async () => {
    const world = stage.world({ ...one, policy: { window } });
    for (const inMs of [0, 0]) world.script.answers('windowOpening', opens(inMs));
    world.script.fails('mintVersion', notNow);
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect([world.count('mintVersion'), world.acted('mintVersion'), world.count('windowOpening')]).toEqual([2, 1, 2]);
  });

  it.each([
    'disableVersion 1',
    'revokeVersion 1',
  ])('takes nothing away by %s: who has to approve is asked, and all are looked at anew', async (label) => {
    const world = stage.world({ ...one, disables: true, policy: { approve: ['take-away'] } });
    world.script.fails(label, notNow);
    await world.begin();
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [label, 'openWait', 'inspectConsumers east', label], (name, { began }) => {
      const first = world.script.log.find((e) => e.label === label)!;
      return (
        began >= first.began &&
        only(label, ...notes, 'inspectConsumers')(name) &&
        (name !== 'inspectConsumers east' || began < last(world, label))
      );
    });
  });
});

describe.concurrent('a plan that is amended', () => {
  const settings = { restart: 'systemctl restart web-1' };

  it('is asked about anew at the gate that is open, and an approval of the one before lets nothing through', async () => {
    const world = stage.world({ ...one, policy: { approve: ['start'] } });
    await world.begin();
    await world.untilWaits('an approval (start)');
    await world.untilLegal('approve');
    await world.amend({ name: 'web-1', host: 'east', settings });
    await world.untilWaits('an approval (start)', 2);
    expect(world.count('mintVersion')).toBe(0);
    await expect(world.say('approve', null, null, 0)).rejects.toThrow();
    await world.say('approve', null, null, 1);
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.ledger.row.targets).toEqual([{ name: 'web-1', host: 'east', settings }]);
    expect(world.ledger.row.spec.consumers).toEqual({ kind: 'list', list: world.ledger.row.targets });
  });

  it('holds where the ledger was set back to before it', async () => {
    const world = stage.world(one);
    const held = world.script.holds('proveVersion');
    await world.begin();
    await world.reached(held);
    const before = world.ledger.copy();
    await world.amend({ name: 'web-1', host: 'east', settings });
    world.ledger.setBack(before);
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.ledger.row.targets).toEqual([{ name: 'web-1', host: 'east', settings }]);
  });

  it('names no other consumer than those of the run, and nobody on the way back', async () => {
    const world = stage.world(one);
    const held = world.script.holds('drain 1');
    const back = world.script.holds('distribute back-1/web-1');
    await world.begin();
    await world.reached(held);
    await expect(world.amend({ name: 'nobody', host: 'east', settings })).rejects.toThrow();
    await world.say('abort');
    await world.reached(back);
    await expect(world.amend({ name: 'web-1', host: 'east', settings })).rejects.toThrow();
    back.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.count('recordVerb amend')).toBe(0);
  });
});

/** When the last of its kind began. */
const last = (world: ReturnType<typeof stage.world>, label: string): number =>
  world.script.log.findLast((e) => e.label === label)!.began;

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
