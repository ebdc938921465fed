/**
 * A rotation whose workflow is gone is taken over from the ledger: what is on record is not done
 * again, and the run before has nothing more to say.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();
const inPlace = { strategy: 'in-place' } as const;
const disables = { disables: true } as const;
const update = { options: { update: { change: { kind: 'declared' }, accepted: true } } } as const;
const effects = [
  'mintVersion',
  'distribute',
  'disableVersion',
  'revokeVersion',
  'undeployConsumer',
  'regenerateSecret',
  'updateSecret',
  'proveSecret',
  'deployConsumer',
  'changeKey',
];

function expectDoneOnce(world: World): void {
  const labels = [...new Set(world.script.log.map((e) => e.label).filter(only(...effects)))];
  expect(labels.map((label) => `${label}: ${world.acted(label)}`)).toEqual(labels.map((label) => `${label}: 1`));
  expect(world.outside.harm).toEqual([]);
}

describe.concurrent('a rotation whose workflow is terminated at one step after the other', () => {
  it.each([
    [
      'overlap',
      disables,
      [
        'preflightStore',
        'mintVersion',
        'proveVersion',
        'distribute wave-2/web-2',
        'drain 1',
        'disableVersion 1',
        'revokeVersion 1',
        'proveDead',
        'removeOrphans',
      ],
    ],
    [
      'in place',
      inPlace,
      [
        'undeployConsumer 1/web-1',
        'awaitStopped east',
        'regenerateSecret 1',
        'updateSecret 1/web-1',
        'proveSecret 1',
        'deployConsumer forward-1/web-1',
        'confirmDeployed forward/web-2',
      ],
    ],
    ['a change', update, ['planUpdate', 'changeKey 1', 'proveImage']],
  ] as const)('%s: goes on under the same id, does everything once, and the workers that are late record nothing', async (_, setting, steps) => {
    const world = stage.world(setting);
    const holds = steps.map((label) => world.script.holds(label));
    await world.begin();
    for (const held of holds) {
      await world.reached(held);
      const { fence } = world.ledger.row;
      await world.takeOver();
      await world.untilDone('openRun', holds.indexOf(held) + 2);
      expect(world.ledger.row.fence).toBe(fence + 1);
    }
    expect(await world.ended()).toMatchObject({ run: world.ledger.row.id, outcome: 'completed' });
    for (const held of holds) {
      held.release();
      await world.untilOver(held.label);
      expect([held.label, world.script.log.find((e) => e.label === held.label)!.how]).not.toContain('done');
    }
    expectDoneOnce(world);
  });

  it.each([
    ['overlap', 'distribute back-1/web-1', {}, 'drain 1'],
    ['in place', 'deployConsumer back-1/web-1', inPlace, 'awaitStopped east'],
  ] as const)('%s: goes on going back', async (_, during, setting, aborted) => {
    const world = stage.world(setting);
    const [first, held] = [world.script.holds(aborted), world.script.holds(during)];
    await world.begin();
    await world.reached(first);
    await world.say('abort');
    await world.reached(held);
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated', reason: 'aborted by test: a test' });
    const opened = world.script.log.findLastIndex((e) => e.label === 'openRun');
    expect(world.script.log[opened + 1]!.label).toMatch(/releaseLeases|readUndo/);
    expect(world.count('turnBack')).toBe(1);
  });
});

describe.concurrent('an abort that was obeyed in a workflow task that was lost', () => {
  it.each([
    ['overlap', {}, 'distribute wave-1/web-1', 'compensated'],
    ['overlap, behind the hand-out', { disables: true }, 'disableVersion 1', 'compensated'],
    ['in place', inPlace, 'undeployConsumer 1/web-1', 'compensated'],
    ['a change', update, 'changeKey 1', 'compensated'],
  ] as const)('%s: stands, although an attempt on the way forward fails before it is heard again', async (_, setting, during, outcome) => {
    const world = stage.world(setting);
    const held = world.script.holds(during);
    await world.begin();
    await world.reached(held);
    const hearAgain = await world.loseAbort(during);
    held.release();
    await world.untilOver(during);
    expect(world.last(during).how).toBe('KR_FENCED');
    await world.untilDone('openRun', 2);
    expect(await hearAgain()).toMatchObject({ run: world.ledger.row.id });
    expect(await world.ended()).toMatchObject({ outcome, reason: 'aborted by test: a test' });
    expect(world.count('turnBack')).toBe(0);
  });
});

describe.concurrent('a run that begins behind a revoke that may have been sent', () => {
  it('waits for nothing and asks nobody: it looks, and revokes under the same name', async () => {
    const world = stage.world({ disables: true, policy: { approve: ['start', 'take-away'] } });
    const held = world.script.holds('revokeVersion 1');
    await world.begin();
    for (const gate of ['start', 'take-away']) {
      await world.untilWaits(`(${gate})`);
      await world.sayOnceLegal('approve');
    }
    await world.reached(held);
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const again = world.script.log.slice(world.script.log.findLastIndex((e) => e.label === 'openRun'));
    expect(
      again
        .map((e) => e.label)
        .filter(only('cutOver', 'drain', ...notes, 'disableVersion', 'watchSoak', 'inspectConsumers east', 'revokeVersion')),
    ).toEqual(['cutOver 1', 'inspectConsumers east', 'revokeVersion 1']);
  });
});

describe.concurrent('a run that begins behind a regenerate that is on record', () => {
  it('stops nothing, and starts what ran when the first run looked', async () => {
    const world = stage.world({ ...inPlace, stopped: ['cron'] });
    const held = world.script.holds('updateSecret 1/web-1');
    await world.begin();
    await world.reached(held);
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    held.release();
    const again = world.script.log.slice(world.script.log.findLastIndex((e) => e.label === 'openRun'));
    expect(again.filter((e) => /undeploy|awaitStopped/.test(e.label))).toEqual([]);
    expect(world.last('rememberRunning').input.running).toEqual([]);
    expect([...world.outside.up].sort()).toEqual(['web-1', 'web-2']);
    expectOrder(world, ['close completed'], only('close'));
  });

  it('is not refused for what preflight finds: things have been changed already', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    world.script.answers('preflightStore', { findings: [{ reason: 'no-room', message: 'full' }], usedBy: null, disables: false });
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});
