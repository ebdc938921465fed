/**
 * What takes a key away looks directly before, and goes by what it sees: it looks again, asks
 * again, hands out again, or goes back.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';

const stage = useStage();
const one = { programs: ['east/web-1'] } as const;
const behind = 'KR_CONSUMER_BEHIND';
const steps = only(
  'drain',
  'inspectConsumers',
  'disableVersion',
  'enableVersion',
  'proveEnabled',
  'watchSoak',
  'revokeVersion',
  ...notes,
  'cutOver',
  'distribute',
  'confirmConsumer',
);
const first = ['distribute wave-1/web-1', 'confirmConsumer wave-1/web-1', 'cutOver 1', 'drain 1'];
const look = 'inspectConsumers east';
const again = ['beginRound 2', 'distribute round-2/web-1', 'confirmConsumer round-2/web-1', 'cutOver 2', 'drain 2', look];

describe.concurrent('a guard that finds its looks too old', () => {
  it('has everyone looked at again, at once, and asks nobody', async () => {
    const world = stage.world({ ...one, disables: true });
    world.script.fails('disableVersion 1', 'KR_GUARD_STALE');
    world.script.fails('revokeVersion 1', 'KR_GUARD_STALE', { times: 2 });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    const revoked = [look, 'revokeVersion 1', look, 'revokeVersion 1', look, 'revokeVersion 1'];
    expectOrder(world, [...first, look, 'disableVersion 1', look, 'disableVersion 1', 'watchSoak 1 east', ...revoked], steps);
  });

  it('opens the way back again: nothing was sent', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', 'KR_GUARD_STALE');
    const second = world.script.holds(look, 2);
    await world.begin();
    await world.reached(second);
    expect(await world.legalVerbs()).toContain('abort');
    await world.say('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });

  it('or a program running, has everything told to stop once more in place, and may be aborted meanwhile', async () => {
    const world = stage.world({ ...one, strategy: 'in-place' });
    world.script.fails('regenerateSecret 1', 'KR_GUARD_STALE');
    world.script.fails('regenerateSecret 2', 'KR_GUARD_REFUSED');
    // One that may have been sent is only looked behind: its round goes on.
    world.script.fails('regenerateSecret 3', 'KR_LOOK_AGAIN');
    const held = world.script.holds('undeployConsumer 2/web-1');
    await world.begin();
    await world.reached(held);
    expect(await world.legalVerbs()).toContain('abort');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const stop = (round: number) => [`undeployConsumer ${round}/web-1`, 'awaitStopped east', `regenerateSecret ${round}`];
    const again = stop(3).slice(1);
    expectOrder(
      world,
      [...stop(1), ...stop(2), ...stop(3), ...again],
      only('undeployConsumer', 'awaitStopped', 'regenerateSecret'),
    );
  });
});

describe.concurrent('a guard that finds a consumer behind', () => {
  it('asks it, with patience, then looks again: it may just have been restarting', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', behind);
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [...first, look, 'revokeVersion 1', 'confirmConsumer revoke-1/web-1', look, 'revokeVersion 1'], steps);
  });

  it('hands everyone the key once more when it still is, and waits for quiet anew', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', behind, { times: 2 });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    const asked = [look, 'revokeVersion 1', 'confirmConsumer revoke-1/web-1', look, 'revokeVersion 1'];
    expectOrder(world, [...first, ...asked, ...again, 'revokeVersion 2'], steps);
    expect(world.last('beginRound 2').input).toMatchObject({ reason: 'a consumer is behind' });
  });

  it('does so at once when it does not confirm in its time', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', behind);
    world.script.fails('confirmConsumer revoke-1/web-1', 'KR_NOT_CONFIRMED');
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [...first, look, 'revokeVersion 1', 'confirmConsumer revoke-1/web-1', ...again, 'revokeVersion 2'], steps);
  });

  it('has the old key enabled before anybody is handed anything, where it was disabled', async () => {
    const world = stage.world({ ...one, disables: true });
    world.script.fails('revokeVersion 1', behind, { times: 2 });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    const disabled = (round: number) => [`disableVersion ${round}`, `watchSoak ${round} east`];
    const asked = [look, 'revokeVersion 1', 'confirmConsumer revoke-1/web-1', look, 'revokeVersion 1'];
    const enabled = ['enableVersion 1-1', 'proveEnabled'];
    expectOrder(
      world,
      [...first, look, ...disabled(1), ...asked, ...enabled, ...again, ...disabled(2), look, 'revokeVersion 2'],
      steps,
    );
  });
});

describe.concurrent('a disabled key that is missed', () => {
  it('is enabled at once and proved, and those who missed it are named', async () => {
    const world = stage.world({ ...one, disables: true });
    world.script.answers('watchSoak 1 east', ['web-1 (401)']);
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    const missed = [look, 'disableVersion 1', 'watchSoak 1 east', 'enableVersion 1-1', 'proveEnabled'];
    expectOrder(world, [...first, ...missed, ...again, 'disableVersion 2', 'watchSoak 2 east', look, 'revokeVersion 2'], steps);
    const reason = 'generation 1 was missed while it was disabled, by web-1 (401)';
    expect(world.last('beginRound 2').input).toMatchObject({ reason });
  });

  it('is enabled again while it is refused, three times before a person is asked', async () => {
    const world = stage.world({ ...one, disables: true });
    world.script.answers('watchSoak 1 east', ['web-1']);
    world.script.answers('proveEnabled', false, { times: 4 });
    await world.begin();
    await world.untilWaits('generation 1 was enabled and is still refused');
    expect(world.acted('enableVersion')).toBe(3);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.acted('enableVersion')).toBe(5);
  });
});
