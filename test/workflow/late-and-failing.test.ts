/**
 * Steps that are late or fail: what the world will give in time is asked for again, what it will
 * not is for a person, and one never holds up the others for good.
 */
import { describe, expect, it } from 'vitest';
import { useStage } from './fakes/stage.js';

const stage = useStage();
/** Where it does not matter how many there are. */
const one = { programs: ['east/web-1'] } as const;
const inPlace = { strategy: 'in-place' } as const;

describe.concurrent('what may come back is asked for again', () => {
  it.each([
    [['mintVersion', 'distribute wave-1/web-1', 'drain 1', 'revokeVersion 1'], {}],
    [['takeLeases', 'awaitStopped east', 'updateSecret 1/web-1', 'deployConsumer forward-1/cron'], inPlace],
  ] as const)('as often as it takes, and done once: %s', async (labels, setting) => {
    const world = stage.world(setting);
    for (const label of labels) world.script.fails(label, 'KR_STORE_UNAVAILABLE', { times: 2 });
    expect(await world.run()).toMatchObject({ outcome: 'completed', reason: null });
    expect(labels.map((label) => [label, world.count(label), world.acted(label)])).toEqual(labels.map((label) => [label, 3, 1]));
  });

  it('under the same name, where the reply is lost', async () => {
    const world = stage.world(one);
    for (const label of ['mintVersion', 'revokeVersion 1']) world.script.fails(label, 'KR_STORE_UNCLEAR', { sent: true });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect([world.count('mintVersion'), world.count('revokeVersion 1'), world.ledger.states]).toEqual([
      2,
      2,
      { 1: 'revoked', 2: 'active' },
    ]);
  });
});

describe.concurrent('a consumer that fails', () => {
  it("ends the others' waiting, and the rotation goes back", async () => {
    const world = stage.world();
    const waiting = world.script.holds('confirmConsumer wave-2/cron');
    const failing = world.script.holds('distribute wave-2/web-2');
    world.script.fails('confirmConsumer wave-2/web-2', 'KR_NOT_CONFIRMED');
    await world.begin();
    await world.reached(waiting);
    failing.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.last('confirmConsumer wave-2/cron').how).not.toBe('done');
  });

  it("never cuts another's hand-out short: it is void from the turn on, and waited for before the new key goes", async () => {
    const world = stage.world();
    const flying = world.script.holds('distribute wave-2/cron');
    const settling = world.script.holds('awaitSettled');
    world.script.fails('confirmConsumer wave-2/web-2', 'KR_NOT_CONFIRMED');
    await world.begin();
    await world.reached(flying);
    await world.reached(settling);
    flying.release();
    await world.untilOver('distribute wave-2/cron');
    expect([world.last('distribute wave-2/cron').how, world.count('revokeVersion')]).toEqual(['KR_FENCED', 0]);
    settling.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.acted('distribute back-1/cron')).toBe(1);
  });

  it('that does not confirm in its time is looked at once more, and that counts', async () => {
    const world = stage.world({ ...one, policy: { confirm: 3_000 } });
    world.script.holds('confirmConsumer wave-1/web-1');
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect(world.count('confirmConsumer wave-1/web-1')).toBe(2);
  });

  it('is told with what the last look saw', async () => {
    const world = stage.world({ ...one, policy: { confirm: 3_000 } });
    world.script.holds('confirmConsumer wave-1/web-1');
    world.script.fails('confirmConsumer wave-1/web-1', 'KR_NOT_YET_CONFIRMED');
    expect(await world.run()).toMatchObject({ outcome: 'compensated', reason: 'KR_NOT_YET_CONFIRMED: as the test has it' });
  });

  it('cannot be handed the key in its time: the rotation goes back, and there it has all the time', async () => {
    const world = stage.world({ ...one, policy: { confirm: 3_000 } });
    world.script.holds('distribute wave-1/web-1');
    world.script.fails('distribute back-1/web-1', 'KR_HOST_UNAVAILABLE', { times: 3 });
    expect(await world.run()).toMatchObject({
      outcome: 'compensated',
      reason: expect.stringContaining('web-1 could not be handed generation 2') as string,
    });
    expect(world.count('distribute back-1/web-1')).toBe(4);
  });
});

describe.concurrent('a step that fails for good where there is no way back', () => {
  it.each([
    [['revokeVersion 1', 'proveDead', 'removeOrphans'], {}],
    [['regenerateSecret 1', 'updateSecret 1/web-1', 'proveSecret 1', 'deployConsumer forward-1/cron'], inPlace],
  ] as const)('waits for a person, and is repeated when told to: %s', async (labels, setting) => {
    const world = stage.world(setting);
    for (const label of labels) world.script.fails(label, 'KR_STORE_UNAUTHORIZED');
    await world.begin();
    for (const [index] of labels.entries()) {
      await world.untilWaits('a person: KR_STORE_UNAUTHORIZED', index + 1);
      await world.sayOnceLegal('retry');
    }
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('turnBack'), world.outside.harm]).toEqual([0, []]);
  });

  it('is no reason to go back before it either, where nobody can tell what happened', async () => {
    const world = stage.world(one);
    world.script.fails('mintVersion', 'KR_STATE_UNCLEAR');
    await world.begin();
    await world.untilWaits('a person: KR_STATE_UNCLEAR');
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.acted('mintVersion')).toBe(1);
  });
});

describe.concurrent('the proof that the old key is dead', () => {
  it('that fails is told, and ends nothing', async () => {
    const world = stage.world(one);
    world.script.answers('proveDead', false);
    expect(await world.run()).toMatchObject({
      outcome: 'completed',
      reason: expect.stringMatching(/^generation 1 is still accepted/) as string,
    });
  });

  it('is not waited for when an operator skips it', async () => {
    const world = stage.world(one);
    const held = world.script.holds('proveDead');
    await world.begin();
    await world.reached(held);
    await world.say('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed', reason: null });
  });
});
