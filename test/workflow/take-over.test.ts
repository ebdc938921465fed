/** A rotation whose workflow is gone is taken over from the ledger: what is on record is not done again, and the run before has nothing more to say. */
import { describe, expect, it } from 'vitest';
import { expectOrder, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { Setting, World } from './fakes/world.js';

const stage = useStage();
const inPlace = { strategy: 'in-place' } as const;
const disables = { disables: true } as const;
const update = { options: { update: { change: { kind: 'declared' }, accepted: true } } } as const;
const effects = [
  'mintVersion',
  'handOut',
  'disableVersion',
  'revokeVersion',
  'undeployConsumer',
  'regenerateSecret',
  'updateSecret',
  'proveSecret',
  'deployConsumer',
  'changeKey',
];

/** Terminated while the step is held, and begun again; what is still held then is let go on only when all is over. */
async function takenOver(during: string, setting: Setting = {}, aborted?: string): Promise<World> {
  const world = stage.world(setting);
  const first = aborted === undefined ? null : world.script.holds(aborted);
  const held = world.script.holds(during);
  await world.begin();
  if (first) {
    await world.reached(first);
    await world.say('abort');
    first.release();
  }
  await world.reached(held);
  const { fence } = world.ledger.row;
  await world.takeOver();
  const report = await world.ended();
  expect(report).toMatchObject({
    rotation: `${world.credential}#2`,
    outcome: aborted === undefined ? 'completed' : 'compensated',
  });
  expect(world.ledger.row.fence).toBeGreaterThan(fence);
  held.release();
  await world.untilOver(during);
  return world;
}

function expectDoneOnce(world: World): void {
  const labels = [...new Set(world.script.log.map((e) => e.label).filter(only(...effects)))];
  expect(labels.map((label) => `${label}: ${world.acted(label)}`)).toEqual(labels.map((label) => `${label}: 1`));
  expect(world.outside.harm).toEqual([]);
}

describe.concurrent('a rotation whose workflow was terminated goes on under the same id', () => {
  it.each([
    ['mintVersion', {}],
    ['handOut wave-2/web-2', {}],
    ['disableVersion 1', disables],
    ['revokeVersion 1', disables],
    ['undeployConsumer 1/web-1', inPlace],
    ['regenerateSecret 1', inPlace],
    ['updateSecret 1/web-1', inPlace],
    ['deployConsumer forward-1/web-1', inPlace],
    ['changeKey 1', update],
  ] as const)('%s: and the worker that was late with it records nothing', async (during, setting) => {
    const world = await takenOver(during, setting);
    const late = world.script.log.find((e) => e.label === during)!;
    expect(late.how).toMatch(/KR_FENCED|KR_ATTEMPT_LOST/);
    expectDoneOnce(world);
  });

  it.each([
    ['proveVersion', {}],
    ['drain 1', {}],
    ['proveDead', {}],
    ['awaitStopped east', inPlace],
    ['confirmDeployed forward/web-1', inPlace],
  ] as const)('%s: and each effect was done once', async (during, setting) => {
    const world = await takenOver(during, setting);
    expectDoneOnce(world);
  });

  it.each([
    ['overlap', 'handOut back-1/web-1', {}, 'drain 1'],
    ['in place', 'deployConsumer back-1/web-1', inPlace, 'awaitStopped east'],
  ] as const)('%s: and goes on going back', async (_, during, setting, aborted) => {
    const world = await takenOver(during, setting, aborted);
    const opened = world.script.log.findLastIndex((e) => e.label === 'openRotation');
    expect(world.script.log[opened + 1]!.label).toMatch(/releaseLeases|readUndo/);
    expect(world.count('note turn-back')).toBe(1);
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
    const again = world.script.log.slice(world.script.log.findLastIndex((e) => e.label === 'openRotation'));
    expect(
      again
        .map((e) => e.label)
        .filter(only('cutOver', 'drain', 'note', 'disableVersion', 'watchSoak', 'inspectConsumers east', 'revokeVersion')),
    ).toEqual(['cutOver 1', 'inspectConsumers east', 'revokeVersion 1']);
  });

  it('cannot be aborted, unless its guard says that nothing was sent', async () => {
    const world = stage.world();
    const held = world.script.holds('revokeVersion 1');
    await world.begin();
    await world.reached(held);
    const look = world.script.holds('inspectConsumers east');
    world.script.fails('revokeVersion 1', 'KR_GUARD_STALE');
    const second = world.script.holds('inspectConsumers east');
    await world.takeOver();
    await world.reached(look);
    expect(await world.legalVerbs()).not.toContain('abort');
    look.release();
    await world.reached(second);
    expect(await world.legalVerbs()).toContain('abort');
    second.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
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
    const again = world.script.log.slice(world.script.log.findLastIndex((e) => e.label === 'openRotation'));
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
