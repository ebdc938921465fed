/**
 * A person carries out an effect at the store: it is asked for with a guard in front, taken only
 * when it holds, and settled by that person alone.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';

const stage = useStage();
const one = { programs: ['east/web-1'] } as const;
const asked = only(
  'askPerson',
  'takeProvided',
  'declineAsked',
  'revokeVersion',
  'disableVersion',
  'enableVersion',
  'regenerateSecret',
  ...notes,
  'inspectConsumers',
  'close',
);
const provided = ['recordVerb provide', 'takeProvided'];

describe.concurrent('a key that a person makes and deletes', () => {
  it('is asked for twice, and taken each time that it is handed in', async () => {
    const world = stage.world({ ...one, manual: ['mint', 'revoke'] });
    await world.begin();
    await world.provideOnceAsked('askPerson', { secretRef: 'new' });
    await world.provideOnceAsked('askPerson 1');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expectOrder(
      world,
      [
        'askPerson',
        ...provided,
        'inspectConsumers east',
        'askPerson 1',
        'recordVerb provide',
        'takeProvided 1',
        'close completed',
      ],
      asked,
    );
    expect(world.last('askPerson 1').input).toMatchObject({ effect: 'revoke', generation: 1, survivor: 2 });
    expect(world.last('takeProvided').label).toBe('takeProvided 1');
  });

  it('is not taken while it does not hold, and still waited for', async () => {
    const world = stage.world({ ...one, manual: ['mint'] });
    world.script.answers('takeProvided', { refused: 'vendor does not accept this key' });
    await world.begin();
    expect(await world.provideOnceAsked('askPerson')).toMatchObject({ taken: false, message: 'vendor does not accept this key' });
    expect(world.count('proveVersion')).toBe(0);
    expect(await world.provideOnceAsked('askPerson')).toMatchObject({ taken: true });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('that is declined has changed nothing', async () => {
    const world = stage.world({ ...one, manual: ['mint'] });
    await world.begin();
    await world.sayOnceLegal('reject');
    expect(await world.ended()).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('rejected by test') as string,
    });
    expectOrder(world, ['askPerson', 'recordVerb reject', 'declineAsked', 'turnBack', 'close refused'], asked);
  });

  it('that takes long sounds an alarm, and nothing is concluded from it', async () => {
    const world = stage.world({ ...one, manual: ['mint'], policy: { approveWithin: 50 } });
    await world.begin();
    await world.untilBegun('askPerson', 2);
    expect(world.last('askPerson').input.overdue).toBe(true);
    await world.provideOnceAsked('askPerson');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('that was asked for when the rotation is aborted may have been made: only that person knows', async () => {
    const world = stage.world({ ...one, manual: ['mint'] });
    await world.begin();
    await world.untilLegal('reject');
    await world.say('abort');
    await world.untilBegun('askPerson', 2);
    await world.provideOnceAsked('askPerson');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.acted('revokeVersion back-1')).toBe(1);
    expect(world.ledger.states).toEqual({ 1: 'active', 2: 'revoked' });
  });

  it('is asked for by the run that takes over under the same attempt, and not once it was handed in', async () => {
    const world = stage.world({ ...one, manual: ['mint'] });
    await world.begin();
    await world.untilLegal('reject');
    await world.takeOver();
    await world.untilBegun('askPerson', 2);
    const held = world.script.holds('drain 1');
    await world.provideOnceAsked('askPerson');
    await world.reached(held);
    await world.takeOver();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('askPerson'), world.count('takeProvided')]).toEqual([3, 1]);
  });
});

describe.concurrent('a revoke that a person carries out', () => {
  it('is beyond return once it was asked for, and turned back when that person declines', async () => {
    const world = stage.world({ ...one, manual: ['revoke'] });
    await world.begin();
    await world.untilLegal('reject');
    expect(await world.legalVerbs()).toEqual(['reject', 'pause', 'exempt']);
    await world.say('reject');
    await world.provideOnceAsked('askPerson back-1');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.ledger.states).toEqual({ 1: 'active', 2: 'revoked' });
  });

  it('is not asked for while the guard refuses', async () => {
    const world = stage.world({ ...one, manual: ['revoke'] });
    world.script.fails('askPerson 1', 'KR_GUARD_STALE');
    await world.begin();
    await world.provideOnceAsked('askPerson 1', {}, 2);
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const look = 'inspectConsumers east';
    expectOrder(
      world,
      [look, 'askPerson 1', look, 'askPerson 1', 'recordVerb provide', 'takeProvided 1', 'close completed'],
      asked,
    );
  });

  it('has the old key enabled by a person too, where one disables it and it is missed', async () => {
    const world = stage.world({ ...one, manual: ['disable', 'enable'] });
    world.script.answers('watchSoak 1 east', ['web-1']);
    await world.begin();
    await world.provideOnceAsked('askPerson 1');
    await world.provideOnceAsked('askPerson 1-1');
    await world.provideOnceAsked('askPerson 2');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('disableVersion'), world.count('enableVersion')]).toEqual([0, 0]);
  });
});

describe.concurrent('a secret that a person regenerates', () => {
  it('is handed in while the programs are stopped, and they come back with it', async () => {
    const world = stage.world({ ...one, strategy: 'in-place', manual: ['regenerate'] });
    await world.begin();
    await world.untilLegal('reject');
    expect(world.outside.up.size).toBe(0);
    await world.provideOnceAsked('askPerson 1', { secretRef: 'new' });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.last('proveSecret 1').input.secretChanged).toBeNull();
  });

  it('that is declined has the programs back with the old one', async () => {
    const world = stage.world({ ...one, strategy: 'in-place', manual: ['regenerate'] });
    await world.begin();
    await world.sayOnceLegal('reject');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect([...world.outside.up]).toEqual(['web-1']);
  });
});

it('what nobody was asked for is not taken', async () => {
  const world = stage.world(one);
  const held = world.script.holds('drain 1');
  await world.begin();
  await world.reached(held);
  await expect(world.provide()).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
  held.release();
  expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  expect(world.count('recordVerb provide')).toBe(0);
});
