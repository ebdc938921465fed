/**
 * What an incident does to keys: each dies, each is replaced, and one that has leaked is handed to
 * nobody any more.
 */
import { describe, expect, it } from 'vitest';
import { FakeIncident } from './fakes/incident.js';
import { expectOrder, only, sideBySide } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();
const options = { without: [], incident: 'incident-1' };

/** A world of which some versions have leaked; the one that is served unless said. */
function leaked(way: 'rotate' | 'contain', setting: Parameters<typeof stage.world>[0] = {}, revokeBy: string | null = null) {
  const world = stage.world({ ...setting, options });
  const incident = new FakeIncident(way, revokeBy);
  incident.names(world.ledger, [1]);
  return { world, incident };
}

const handed = (name: string, round = 'incident-1') => [
  `preflightHost ${name} ${name === 'cron' ? 'west' : 'east'}`,
  `meetHosts ${name}`,
  `distribute ${round}/${name}`,
  `confirmConsumer ${round}/${name}`,
];
const all = sideBySide(handed('web-1'), handed('web-2'), handed('cron'));
const look = sideBySide('inspectConsumers east', 'inspectConsumers west');

describe.concurrent('a leaked key that is rotated', () => {
  it('dies once all have another, which they are handed at once, without calendar, gates, drain and soak', async () => {
    const policy = { window: 'Sun 02:00-03:00 UTC', approve: ['start', 'take-away'] } as const;
    const { world, incident } = leaked('rotate', { disables: true, policy });
    expect(await world.run()).toMatchObject({ outcome: 'completed', generation: 2, reason: null });
    expectOrder(world, [
      ...['openRun', 'preflightStore', 'freezePlan', 'mintVersion', 'proveVersion'],
      all,
      ...['cutOver incident-1', 'versionsToEnd'],
      look,
      ...['revokeVersion leaked-1', 'versionsToEnd', 'proveDead 1', 'recordLeak dead-1'],
      ...['recordLeak incident-1-replaced', 'versionsToEnd'],
      ...['removeOrphans', 'close completed'],
    ]);
    expect([world.ledger.states, [...incident.dead]]).toEqual([{ 1: 'revoked', 2: 'active' }, [1]]);
  });

  it('waits for the consumer alone that does not come, and a person can leave it behind', async () => {
    const { world } = leaked('rotate');
    world.script.fails('confirmConsumer incident-1/cron', 'KR_NOT_CONFIRMED');
    await world.begin();
    await world.untilWaits('KR_NOT_CONFIRMED');
    await world.untilDone('confirmConsumer', 2);
    expect(await world.legalVerbs()).not.toContain('abort');
    await world.sayOnceLegal('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.outside.uses).toMatchObject({ 'web-1': 2, 'web-2': 2 });
    expect(world.ledger.states).toMatchObject({ 1: 'revoked' });
  });

  it('stays while somebody does not show the other key itself, and says so to a person', async () => {
    const { world } = leaked('rotate', { programs: ['east/web-1'] });
    world.script.fails('revokeVersion leaked-1', 'KR_CONSUMER_BEHIND', { times: 2 });
    await world.begin();
    await world.untilWaits('KR_CONSUMER_BEHIND');
    expect(world.count('confirmConsumer leaked-1/web-1')).toBe(1);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('stays where its guard refuses for another reason, and goes on once a person says so', async () => {
    const { world } = leaked('rotate', { programs: ['east/web-1'] });
    world.script.fails('revokeVersion leaked-1', 'KR_GUARD_REFUSED');
    await world.begin();
    await world.untilWaits('KR_GUARD_REFUSED');
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('stands still while its incident is paused, and can be turned back then', async () => {
    const worlds = [leaked('rotate', { programs: ['east/web-1'] }), leaked('rotate', { programs: ['east/web-1'] })];
    for (const { world, incident } of worlds) {
      const held = world.script.holds('preflightStore');
      await world.begin();
      await world.reached(held);
      incident.halt('paused');
      held.release();
      await world.untilWaits('incident-1 to go on');
    }
    const [resumed, aborted] = worlds.map(({ world }) => world);
    worlds[0]!.incident.halt('open');
    expect(await resumed!.ended()).toMatchObject({ outcome: 'completed' });
    await aborted!.sayOnceLegal('abort');
    expect(await aborted!.ended()).toMatchObject({ outcome: 'refused' });
  });

  it('turns nothing back to it: what fails before anybody was handed anything leaves no key behind', async () => {
    const { world } = leaked('rotate', { programs: ['east/web-1'] });
    world.script.fails('proveVersion', 'KR_NOT_PROVED');
    expect(await world.run()).toMatchObject({ outcome: 'compensated' });
    expect([world.ledger.states, world.count('distribute')]).toEqual([{ 1: 'active', 2: 'revoked' }, 0]);
  });
});

describe.concurrent('a moment that was set', () => {
  const moment = '2100-01-01T00:00:00.000Z';
  /** The database's clock stands a moment before it, until it is there: no machine is too slow. */
  const clockOf = ({ ledger }: World) => {
    let left = 100;
    ledger.now = async () => Date.parse(moment) - left;
    return {
      isThere: () => {
        left = 0;
      },
    };
  };

  it('ends the leaked key although a consumer is behind, which is handed the other one afterwards', async () => {
    const { world } = leaked('rotate', { programs: ['east/web-1', 'west/cron'] }, moment);
    const clock = clockOf(world);
    const held = world.script.holds('distribute incident-1/cron');
    await world.begin();
    await world.reached(held);
    clock.isThere();
    await world.untilDone('revokeVersion due-1', 1);
    expect(world.last('revokeVersion due-1').input).toMatchObject({ due: true });
    await world.untilDone('recordLeak dead-1', 1);
    expect(world.ledger.row.outcome).toBeNull();
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.outside.uses).toEqual({ 'web-1': 2, cron: 2 });
  });

  it('passes where no other key was proved by then, and people are told', async () => {
    const { world } = leaked('rotate', { programs: ['east/web-1'] }, moment);
    const clock = clockOf(world);
    const held = world.script.holds('proveVersion');
    await world.begin();
    await world.reached(held);
    clock.isThere();
    await world.untilDone('report', 1);
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed', reason: expect.stringContaining('contain') as string });
    expect(world.count('revokeVersion due-1')).toBe(0);
    expect(world.acted('revokeVersion leaked-1')).toBe(1);
  });
});

describe.concurrent('a leak that is contained', () => {
  const kill = only('preflightStore', 'mintVersion', 'proveVersion', 'containVersion', 'distribute', 'cutOver');

  it('is dead behind one look at the store where that has a switch; all are handed another key, then it goes for good', async () => {
    const { world, incident } = leaked('contain', { disables: true, programs: ['east/web-1'] });
    expect(await world.run()).toMatchObject({ outcome: 'completed', reason: null });
    expect(world.script.log.map(({ label }) => label).filter((label) => kill(label))).toEqual([
      ...['preflightStore', 'containVersion 1', 'mintVersion', 'proveVersion'],
      ...['distribute incident-1/web-1', 'cutOver incident-1', 'containVersion 1-for-good'],
    ]);
    expect([world.ledger.states, [...incident.dead]]).toEqual([{ 1: 'revoked', 2: 'active' }, [1]]);
  });

  it('is dead behind a look and the making of another key, where its rights would go with it', async () => {
    const { world } = leaked('contain', { programs: ['east/web-1'] });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    const labels = world.script.log.map(({ label }) => label).filter((label) => kill(label));
    expect(labels).toEqual([
      ...['preflightStore', 'mintVersion', 'containVersion 1', 'proveVersion'],
      ...['distribute incident-1/web-1', 'cutOver incident-1'],
    ]);
  });

  it('cannot be turned back, and goes on under another workflow where the first was lost', async () => {
    const { world } = leaked('contain', { programs: ['east/web-1', 'west/cron'] });
    const held = world.script.holds('distribute incident-1/cron');
    await world.begin();
    await world.reached(held);
    expect(await world.legalVerbs()).not.toContain('abort');
    await world.takeOver();
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.acted('containVersion 1'), world.acted('mintVersion'), world.ledger.states]).toEqual([
      1,
      1,
      { 1: 'revoked', 2: 'active' },
    ]);
  });
});

describe.concurrent('a leaked key that is changed in place', () => {
  it('is not changed under a program that does not stop: a person says whether that is left behind', async () => {
    const setting = { strategy: 'in-place', programs: ['east/web-1', 'west/cron'] } as const;
    const { world, incident } = leaked('contain', setting);
    world.script.fails('undeployConsumer 1/cron', 'KR_HOST_REFUSED');
    await world.begin();
    await world.untilWaits('KR_HOST_REFUSED');
    expect(world.count('regenerateSecret')).toBe(0);
    await world.sayOnceLegal('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.ledger.states, [...incident.dead]]).toEqual([{ 1: 'revoked', 2: 'active' }, [1]]);
  });
});
