/**
 * A consumer that is left behind on purpose is handed nothing, holds up nothing, and is written
 * down as such.
 */
import { describe, expect, it } from 'vitest';
import { useStage } from './fakes/stage.js';

const stage = useStage();
const cron = (world: ReturnType<typeof stage.world>) =>
  world.script.log.map((e) => e.label).filter((label) => /cron|(inspectConsumers|watchSoak|awaitStopped).* west/.test(label));

describe.concurrent('a consumer that is exempt from the beginning', () => {
  const without = [{ consumer: 'cron', reason: 'gone' }];

  it('is handed nothing, and not looked at', async () => {
    const world = stage.world({ options: { without }, disables: true });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect(cron(world)).toEqual([]);
    expect(world.outside.uses).toEqual({ 'web-1': 2, 'web-2': 2, cron: 1 });
  });
});

describe.concurrent('a consumer that is exempted', () => {
  it('is let go of at once, although its hand-out goes on', async () => {
    const label = 'distribute wave-2/cron';
    const world = stage.world();
    const held = world.script.holds(label);
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.last(label).how).not.toBe('done');
    expect(cron(world).slice(-1)).toEqual(['releaseLease west/cron']);
    expect(world.ledger.row.exempt).toEqual([{ consumer: 'cron', reason: 'a test' }]);
  });

  it('while a wave before its own is handed the key, is left out of it', async () => {
    const world = stage.world();
    const held = world.script.holds('distribute wave-1/web-1');
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(cron(world)).toEqual([]);
  });

  it('while the old key drains, is left alone by all that comes after: it is not looked at, not asked, not handed the key again', async () => {
    const world = stage.world({ disables: true });
    world.script.fails('revokeVersion 1', 'KR_CONSUMER_BEHIND', { times: 2 });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(cron(world)).toEqual(['distribute wave-2/cron', 'confirmConsumer wave-2/cron']);
  });

  it('ends the wait for a person that it was the cause of, on the way back', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    world.script.fails('distribute back-1/cron', 'KR_HOST_REFUSED');
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    await world.untilWaits('KR_HOST_REFUSED');
    await world.sayOnceLegal('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.count('distribute back-1/cron')).toBe(1);
  });

  it('while programs are stopped, is not waited for, and not started again', async () => {
    const world = stage.world({ strategy: 'in-place' });
    const held = world.script.holds('undeployConsumer 1/web-1');
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(cron(world)).toEqual(['undeployConsumer 1/cron']);
  });

  it('does not hold up the others when it does not come back, and ends the rotation when it is given up', async () => {
    const world = stage.world({ strategy: 'in-place' });
    world.script.fails('confirmDeployed forward/cron', 'KR_APP_REFUSED');
    await world.begin();
    await world.untilWaits('KR_APP_REFUSED');
    await world.untilBegun('confirmDeployed forward/web-2');
    await world.sayOnceLegal('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.count('deployConsumer forward-2/cron')).toBe(0);
  });

  it('is unknown a second time, and stays exempt for the run that takes over', async () => {
    const world = stage.world();
    const held = world.script.holds('distribute wave-1/web-1');
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    await expect(world.say('exempt', 'cron')).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(cron(world)).toEqual([]);
  });
});
