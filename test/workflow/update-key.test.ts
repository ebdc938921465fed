/**
 * A change that leaves a key's secret alone: permitted before it is sent, read back until it holds,
 * else put back as it was.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { World } from './fakes/world.js';

const stage = useStage();
const before = { name: 'key', rights: { scopes: ['read'] }, state: 'live' } as const;
const after = { name: 'key', rights: { scopes: ['read', 'write'] }, state: 'live' } as const;
const difference = { what: 'scopes', before: ['read'], after: ['read', 'write'] };
const plan = { findings: [], keyId: 'key-1', before, after, differences: [difference], widens: [], propagation: 600_000 };
const change = (accepted = false) => stage.world({ options: { update: { change: { kind: 'declared' }, accepted } } });
const backwards = ['putBackKey 1', 'unsettled', 'proveImage', 'close compensated'];

async function abortedWhile(label: string): Promise<World> {
  const world = change();
  const held = world.script.holds(label);
  await world.begin();
  await world.reached(held);
  await world.say('abort');
  held.release();
  return world;
}

describe.concurrent('a change of a key', () => {
  it('is planned, sent, and read back', async () => {
    const world = change();
    expect(await world.run()).toMatchObject({
      sequence: 'update',
      outcome: 'completed',
      reason: 'scopes: ["read","write"] → ["read"]',
    });
    expectOrder(world, ['openRun', 'planUpdate', 'mayHaveSent', 'changeKey 1', 'proveImage', 'close completed']);
    expect(world.last('proveImage').input.image).toEqual({ ...before, rights: { scopes: ['read'] } });
  });

  it('is refused for what speaks against it, and not needed where the key is so already', async () => {
    const refused = change();
    refused.script.answers('planUpdate', { ...plan, findings: [{ reason: 'in-use', message: 'consumers use the key' }] });
    expect(await refused.run()).toMatchObject({ outcome: 'refused', reason: 'consumers use the key' });
    const same = change();
    same.script.answers('planUpdate', { ...plan, differences: [] });
    expect(await same.run()).toMatchObject({ outcome: 'completed', reason: 'the key is so already' });
    expect([refused.count('changeKey'), same.count('changeKey')]).toEqual([0, 0]);
  });

  it('is not said to be lost by a store that was away for longer than it takes to spread one', async () => {
    const world = change();
    world.script.answers('planUpdate', { ...plan, propagation: 0 });
    // More often than it is asked in that time.
    world.script.fails('proveImage', 'KR_STORE_UNAVAILABLE', { times: 10 });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect(world.acted('changeKey')).toBe(1);
    expect(world.last('proveImage').input).toMatchObject({ last: true });
  });

  it('that opens something is asked for with what it opens, unless that was permitted beforehand', async () => {
    const world = change();
    const widens = { ...plan, widens: ['it gets the scope write'] };
    world.script.answers('planUpdate', widens);
    await world.begin();
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.waits).toEqual(['an approval (start): it gets the scope write']);
    expectOrder(world, ['openWait', 'recordVerb approve', 'changeKey 1'], only(...notes, 'changeKey'));
    const permitted = change(true);
    permitted.script.answers('planUpdate', widens);
    expect(await permitted.run()).toMatchObject({ outcome: 'completed' });
    expect(permitted.waits).toEqual([]);
  });

  it('that the store does not keep is sent three times, and then the key is put back', async () => {
    const world = change();
    world.script.fails('proveImage', 'KR_NOT_HELD', { times: 3 });
    expect(await world.run()).toMatchObject({ outcome: 'compensated', reason: expect.stringContaining('KR_NOT_HELD') as string });
    const sent = [1, 2, 3].flatMap((tries) => [`changeKey ${tries}`, 'proveImage']);
    expectOrder(
      world,
      [...sent, 'turnBack', ...backwards],
      only('changeKey', 'proveImage', ...notes, 'putBackKey', 'unsettled', 'close'),
    );
  });

  it('is paused between two tries', async () => {
    const world = change();
    const held = world.script.holds('changeKey 1');
    world.script.fails('proveImage', 'KR_NOT_HELD');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    held.release();
    await world.untilWaits('an operator to resume it');
    expect(world.count('changeKey')).toBe(1);
    await world.say('resume');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('of a key that somebody else has changed since is not sent, and nothing is put back', async () => {
    const world = change();
    world.script.fails('changeKey 1', 'KR_KEY_CHANGED');
    expect(await world.run()).toMatchObject({ outcome: 'refused', reason: 'KR_KEY_CHANGED: as the test has it' });
    expect(world.count('putBackKey')).toBe(0);
  });
});

describe.concurrent('a change of a key that is aborted', () => {
  it('before it was sent has changed nothing', async () => {
    const world = await abortedWhile('planUpdate');
    expect(await world.ended()).toMatchObject({ outcome: 'refused' });
    expectOrder(world, ['recordVerb abort', 'turnBack', 'close refused'], only(...notes, 'changeKey', 'putBackKey', 'close'));
  });

  it('while it is on the way is put back, when that has ended, and read back', async () => {
    const world = await abortedWhile('changeKey 1');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.script.log.find((e) => e.label === 'changeKey 1')!.ended).toBeLessThan(world.last('turnBack').began);
    expectOrder(world, ['turnBack', ...backwards], only('turnBack', 'putBackKey', 'unsettled', 'proveImage', 'close'));
  });

  it('is put back once more where what was sent could still land, and a person is asked after three rounds', async () => {
    const world = change();
    world.script.answers('unsettled', 20);
    const held = world.script.holds('changeKey 1');
    await world.begin();
    await world.reached(held);
    world.script.fails('proveImage', 'KR_NOT_HELD', { times: 3 });
    await world.say('abort');
    held.release();
    await world.untilWaits('a person: KR_NOT_HELD');
    expect([world.count('putBackKey'), world.waits[0]]).toEqual([3, 'earlier requests to land or to be void']);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });

  it('asks a person where somebody else has changed the key, and puts it back only when told to', async () => {
    const world = change();
    const held = world.script.holds('changeKey 1');
    world.script.fails('putBackKey 1', 'KR_STATE_UNCLEAR');
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    held.release();
    await world.untilWaits('KR_STATE_UNCLEAR');
    expect(world.last('putBackKey').input.agreed).toBe(false);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.last('putBackKey').input.agreed).toBe(true);
  });
});

describe.concurrent('a change of a key whose ledger has lost all of it', () => {
  it.each([
    ['goes on, and still knows how the key was', 'proveImage', false, 'completed'],
    ['still goes back', 'putBackKey 1', true, 'compensated'],
  ] as const)('%s', async (_, swapped, aborted, outcome) => {
    const world = change();
    const copy = world.ledger.copy();
    const sending = world.script.holds(aborted ? 'proveImage' : 'none');
    const late = world.script.holds(swapped);
    await world.begin();
    if (aborted) {
      await world.reached(sending);
      await world.say('abort');
    }
    await world.reached(late);
    world.ledger.setBack(copy);
    late.release();
    expect(await world.ended()).toMatchObject({ outcome });
    expect(world.last('planUpdate').input.known).toMatchObject({ before: { rights: { scopes: ['read', 'write'] } } });
  });

  it('asks for no leave once more where the change may have been sent before', async () => {
    const world = change();
    world.script.answers('planUpdate', { ...plan, widens: ['it gets the scope write'] });
    const held = world.script.holds('changeKey 1');
    await world.begin();
    await world.sayOnceLegal('approve');
    await world.reached(held);
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.waits).toHaveLength(1);
  });
});
