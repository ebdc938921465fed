/**
 * What an incident does to keys: each dies, each is replaced, and one that has leaked is handed to
 * nobody any more.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { executeUpdate, executeWorkflow } from '../../client/messages.js';
import { haltUpdate, type IncidentReport, incidentWorkflowId, mainQueue } from '../../workflows/contract.js';
import { tester } from '../support/who.js';
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
      incident.state = 'paused';
      world.script.fails('mintVersion', 'KR_NOT_NOW');
      await world.begin();
      await world.untilWaits('incident-1 to go on');
    }
    const [resumed, aborted] = worlds.map(({ world }) => world);
    worlds[0]!.incident.state = 'open';
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

describe.concurrent('an incident', () => {
  const answer = (world: World, number: number) => {
    const id = randomUUID();
    const workflowId = incidentWorkflowId(number);
    stage.serve(workflowId, world);
    return executeWorkflow<IncidentReport>(
      world.client,
      'answerIncident',
      { id, number, by: tester, plan: null },
      { workflowId, taskQueue: mainQueue },
    );
  };

  it('has one run for each key, and ends when something has come of every one', async () => {
    const worlds = [stage.world(), stage.world({ strategy: 'in-place' }), stage.world()];
    const incident = new FakeIncident('rotate');
    for (const world of worlds) incident.names(world.ledger, [1]);
    worlds[2]!.script.answers('preflightStore', { findings: [{ reason: 'no-room', message: 'it is full' }] });
    expect(await answer(worlds[0]!, 1)).toEqual({ incident: 'incident-1' });
    expect(incident.settled.map(({ outcome, reason }) => [outcome, reason])).toEqual(
      expect.arrayContaining([
        ['done', null],
        ['done', null],
        ['failed', 'it is full'],
      ]),
    );
    expect(worlds.map(({ ledger }) => ledger.states[1])).toEqual(['revoked', 'revoked', 'active']);
  });

  it('begins nothing while it is paused, and goes on when that is said', async () => {
    const { world, incident } = leaked('rotate', { programs: ['east/web-1'] });
    incident.state = 'paused';
    const done = answer(world, 6);
    await expect.poll(() => world.script.log.some(({ how }) => how === 'done'), { timeout: 30_000 }).toBe(true);
    expect(world.count('openRun')).toBe(0);
    const resume = { to: 'open', by: tester, reason: null } as const;
    await executeUpdate(world.client.workflow.getHandle(incidentWorkflowId(6)), haltUpdate, resume);
    await done;
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
  });

  const open = { without: [] };

  it('has a run that is open already answer for it, whatever that waits for', async () => {
    const world = stage.world({ programs: ['east/web-1'], options: open });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate');
    incident.names(world.ledger, [1]);
    await answer(world, 2);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.row.id, world.ledger.states]).toEqual([`${world.credential}#2`, { 1: 'revoked', 2: 'active' }]);
    expect([world.acted('mintVersion'), world.count('drain')]).toEqual([1, 1]);
  });

  it('is held up by no change of the key that waits for a person', async () => {
    const update = { change: { kind: 'declared' }, accepted: false } as const;
    const world = stage.world({ programs: ['east/web-1'], options: { ...open, update }, policy: { approve: ['start'] } });
    await world.begin();
    await world.untilWaits('an approval');
    const incident = new FakeIncident('rotate');
    incident.names(world.ledger, [1]);
    await answer(world, 7);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.count('changeKey'), world.ledger.states]).toEqual([0, { 1: 'revoked', 2: 'active' }]);
  });

  it('turns back a run whose new key has leaked, so that nobody is handed it', async () => {
    const world = stage.world({ programs: ['east/web-1', 'west/cron'], options: open, rollout: { canary: 1 } });
    const held = world.script.holds('confirmConsumer wave-1/web-1');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate');
    incident.names(world.ledger, [2]);
    await answer(world, 3);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.states, world.outside.uses]).toEqual([
      { 1: 'active', 2: 'revoked' },
      { 'web-1': 1, cron: 1 },
    ]);
  });

  it('has a third key made where both of a run have leaked', async () => {
    const world = stage.world({ programs: ['east/web-1'], options: open });
    const held = world.script.holds('confirmConsumer wave-1/web-1');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate');
    incident.names(world.ledger, [1, 2]);
    await answer(world, 4);
    expect(incident.settled.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    expect([world.ledger.states, world.outside.uses]).toEqual([{ 1: 'revoked', 2: 'revoked', 3: 'active' }, { 'web-1': 3 }]);
  });

  it('keeps the new key of a run that was going back to one that has leaked', async () => {
    const world = stage.world({ programs: ['east/web-1'], options: open });
    world.script.fails('confirmConsumer wave-1/web-1', 'KR_NOT_CONFIRMED');
    const held = world.script.holds('proveEnabled');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate');
    incident.names(world.ledger, [1]);
    await answer(world, 5);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.states, world.outside.uses]).toEqual([{ 1: 'revoked', 2: 'active' }, { 'web-1': 2 }]);
  });
});
