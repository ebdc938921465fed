/**
 * What an incident does with the runs of its keys: begins them, tells those that are open, and goes
 * on until something has come of every key.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { executeUpdate, executeWorkflow } from '../../client/messages.js';
import { haltUpdate, type IncidentReport, incidentWorkflowId, mainQueue } from '../../workflows/contract.js';
import { tester } from '../support/who.js';
import { FakeIncident } from './fakes/incident.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();

describe.concurrent('an incident', () => {
  const answer = (world: World, { number }: FakeIncident) => {
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
    const incident = new FakeIncident('rotate', null, 1);
    for (const world of worlds) incident.names(world.ledger, [1]);
    worlds[2]!.script.answers('preflightStore', { findings: [{ reason: 'no-room', message: 'it is full' }] });
    expect(await answer(worlds[0]!, incident)).toEqual({ incident: 'incident-1' });
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
    const world = stage.world({ programs: ['east/web-1'] });
    const incident = new FakeIncident('rotate', null, 6);
    incident.names(world.ledger, [1]);
    incident.halt('paused');
    const done = answer(world, incident);
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
    const incident = new FakeIncident('rotate', null, 2);
    incident.names(world.ledger, [1]);
    await answer(world, incident);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.row.id, world.ledger.states]).toEqual([`${world.credential}#2`, { 1: 'revoked', 2: 'active' }]);
    expect([world.acted('mintVersion'), world.count('drain')]).toEqual([1, 1]);
  });

  it('is held up by no change of the key that waits for a person', async () => {
    const update = { change: { kind: 'declared' }, accepted: false } as const;
    const world = stage.world({ programs: ['east/web-1'], options: { ...open, update }, policy: { approve: ['start'] } });
    await world.begin();
    await world.untilWaits('an approval');
    const incident = new FakeIncident('rotate', null, 7);
    incident.names(world.ledger, [1]);
    await answer(world, incident);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.count('changeKey'), world.ledger.states]).toEqual([0, { 1: 'revoked', 2: 'active' }]);
  });

  it('turns back a run whose new key has leaked, so that nobody is handed it', async () => {
    const world = stage.world({ programs: ['east/web-1', 'west/cron'], options: open, rollout: { canary: 1 } });
    const held = world.script.holds('confirmConsumer wave-1/web-1');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate', null, 3);
    incident.names(world.ledger, [2]);
    await answer(world, incident);
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
    const incident = new FakeIncident('rotate', null, 4);
    incident.names(world.ledger, [1, 2]);
    await answer(world, incident);
    expect(incident.settled.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    expect([world.ledger.states, world.outside.uses]).toEqual([{ 1: 'revoked', 2: 'revoked', 3: 'active' }, { 'web-1': 3 }]);
  });

  it('keeps the new key of a run that was going back to one that has leaked', async () => {
    const world = stage.world({ programs: ['east/web-1'], options: open });
    world.script.fails('confirmConsumer wave-1/web-1', 'KR_NOT_CONFIRMED');
    const held = world.script.holds('proveEnabled');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate', null, 5);
    incident.names(world.ledger, [1]);
    await answer(world, incident);
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.states, world.outside.uses]).toEqual([{ 1: 'revoked', 2: 'active' }, { 'web-1': 2 }]);
  });

  it('is answered although another one has ended the workflow of its run, which comes to nothing then', async () => {
    const world = stage.world({ programs: ['east/web-1'] });
    const [first, second] = [new FakeIncident('rotate', null, 8), new FakeIncident('rotate', null, 9)];
    const held = world.script.holds('confirmConsumer');
    first.names(world.ledger, [1]);
    const done = answer(world, first);
    await expect.poll(() => held.isReached, { timeout: 30_000 }).toBe(true);
    second.names(world.ledger, [2]);
    await world.ledger.tellRun(second.id);
    await world.endWorkflow('another incident names its key');
    await world.begin({ onlyIf: 'open', options: world.ledger.row.options });
    await done;
    expect(first.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.states, world.outside.uses]).toEqual([{ 1: 'revoked', 2: 'revoked', 3: 'active' }, { 'web-1': 3 }]);
  });

  it('has programs that are down for a key that has leaked meanwhile started with the next one', async () => {
    const world = stage.world({ strategy: 'in-place', programs: ['east/web-1', 'west/cron'], options: open });
    const held = world.script.holds('updateSecret 1/cron');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate', null, 10);
    incident.names(world.ledger, [2]);
    const done = answer(world, incident);
    const again = world.script.holds('undeployConsumer 1/cron');
    held.release();
    await expect.poll(() => again.isReached, { timeout: 30_000 }).toBe(true);
    expect(await world.legalVerbs()).not.toContain('abort');
    again.release();
    await done;
    expect(incident.settled).toMatchObject([{ outcome: 'done' }]);
    expect([world.ledger.states, world.outside.uses, [...world.outside.up].sort()]).toEqual([
      { 1: 'revoked', 2: 'revoked', 3: 'active' },
      { 'web-1': 3, cron: 3 },
      ['cron', 'web-1'],
    ]);
    expect(world.outside.harm).toEqual([]);
  });

  it('begins nothing behind its stop, although an earlier attempt may have', async () => {
    const world = stage.world({ programs: ['east/web-1'], options: { ...open, incident: 'incident-1' } });
    const incident = new FakeIncident('rotate');
    incident.names(world.ledger, [1]);
    world.script.fails('mintVersion', 'KR_STATE_UNCLEAR');
    await world.begin();
    await world.untilWaits('KR_STATE_UNCLEAR');
    incident.halt('stopped');
    await world.sayOnceLegal('retry');
    await world.untilWaits('incident-1 was stopped');
    expect([world.acted('mintVersion'), world.ledger.harm]).toEqual([0, []]);
    await world.sayOnceLegal('abort');
    await world.ended();
    expect(world.ledger.states).toEqual({ 1: 'active' });
  });

  it('goes on behind a pause that came while it was telling a run', async () => {
    const world = stage.world({ programs: ['east/web-1'], options: open });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const incident = new FakeIncident('rotate', null, 11);
    incident.names(world.ledger, [1]);
    const telling = world.script.holds('tellRun');
    const done = answer(world, incident);
    await world.reached(telling);
    incident.halt('paused');
    telling.release();
    await world.untilDone('advanceIncident', 2);
    incident.halt('open');
    await done;
    expect([incident.settled[0]?.outcome, world.ledger.states]).toEqual(['done', { 1: 'revoked', 2: 'active' }]);
  });
});
