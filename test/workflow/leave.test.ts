/**
 * An effect that may not begin any more has sent nothing: it is waited for again, and what was
 * agreed to is asked anew where the plan is another one.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only, sideBySide } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import { never } from './fakes/world.js';

const stage = useStage();
/** Where it does not matter how many there are. */
const one = { programs: ['east/web-1'] } as const;

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
    await expect(world.say('approve', null, null, 1)).rejects.toThrow();
    await world.say('approve', null, null, 2);
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
