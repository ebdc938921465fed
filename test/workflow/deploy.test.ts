/**
 * A program that does not come up after it was started: what is done about it is a step of its own,
 * and nobody else waits for it.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();
const cron = (label: string) => /forward.*\/cron$/.test(label);

/** One program of three, and what is seen of it. */
function withCron(...seen: readonly ('refused' | 'stopped')[]): World {
  const world = stage.world({ strategy: 'in-place' });
  for (const each of seen) world.script.answers('confirmDeployed forward/cron', each);
  return world;
}

const started = (round: number) => [`deployConsumer forward-${round}/cron`, 'confirmDeployed forward/cron'];

describe.concurrent('a program that is refused its login', () => {
  it('is stopped at once by a step of its own, and not started again before a person says so', async () => {
    const world = withCron('refused');
    await world.begin();
    await world.untilWaits('KR_APP_REFUSED: cron was refused its login and is stopped');
    expectOrder(world, [...started(1), 'undeployConsumer forward-1/cron'], cron);
    await world.untilDone('confirmDeployed forward/web-2', 1);
    expect(world.outside.up.has('cron')).toBe(false);
    expect(world.last('undeployConsumer forward-1/cron').step).toMatchObject({
      kind: 'undeploy',
      key: 'undeploy/forward-1/cron',
      subject: 'cron',
    });
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [...started(1), 'undeployConsumer forward-1/cron', ...started(2)], cron);
  });

  it('is stopped in each round anew, however often it is tried', async () => {
    const world = withCron('refused', 'refused');
    await world.begin();
    await world.sayOnceLegal('retry');
    await world.untilWaits('KR_APP_REFUSED', 2);
    expect(world.acted('undeployConsumer forward-2/cron')).toBe(1);
    await world.sayOnceLegal('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.outside.up.has('cron')).toBe(false);
  });
});

describe.concurrent('a program that something stops after it was started', () => {
  it('is started again by a step of its own, and nobody is asked', async () => {
    const world = withCron('stopped');
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [...started(1), ...started(2)], cron);
    expect(world.waits).toEqual([]);
  });

  it('is for a person where it stops again and again', async () => {
    const world = withCron('stopped', 'stopped', 'stopped', 'stopped', 'stopped');
    await world.begin();
    await world.untilWaits('KR_NOT_CONFIRMED: cron stops again');
    expect(world.count('deployConsumer forward-5/cron')).toBe(1);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.count('deployConsumer forward-6/cron')).toBe(1);
  });

  it('is not started again once it is exempt', async () => {
    const world = stage.world({ strategy: 'in-place' });
    const held = world.script.holds('confirmDeployed forward/cron');
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    world.outside.up.delete('cron');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.count('deployConsumer forward-2/cron')).toBe(0);
  });
});

it('behind a run that was ended, a program that was refused is not left running', async () => {
  const world = withCron('refused');
  const held = world.script.holds('undeployConsumer forward-1/cron');
  await world.begin();
  await world.reached(held);
  await world.takeOver();
  world.script.answers('confirmDeployed forward/cron', 'refused');
  held.release();
  await world.untilWaits('KR_APP_REFUSED');
  expect(world.outside.up.has('cron')).toBe(false);
  await world.sayOnceLegal('exempt', 'cron');
  expect(await world.ended()).toMatchObject({ outcome: 'completed' });
});
