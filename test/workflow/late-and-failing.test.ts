/** Steps that are late or fail: what the world will give in time is asked for again, what it will not is for a person, and one never holds up the others for good. */
import { describe, expect, it } from 'vitest';
import { useStage } from './fakes/stage.js';

const stage = useStage();
const inPlace = { strategy: 'in-place' } as const;

describe.concurrent('what may come back is asked for again', () => {
  it.each([
    ['mintVersion', 'KR_STORE_UNAVAILABLE', {}],
    ['handOut wave-1/web-1', 'KR_LEASE_HELD', {}],
    ['drain 1', 'KR_STILL_USED', {}],
    ['takeLeases', 'KR_LEASE_HELD', inPlace],
  ] as const)('%s after %s, and done once', async (label, code, setting) => {
    const world = stage.world(setting);
    world.script.fails(label, code, { times: 2 });
    expect(await world.run()).toMatchObject({ outcome: 'completed', reason: null });
    expect([world.count(label), world.acted(label)]).toEqual([3, 1]);
  });

  it.each(['mintVersion', 'revokeVersion 1'])('%s whose reply is lost is repeated under the same name', async (label) => {
    const world = stage.world();
    world.script.fails(label, 'KR_STORE_UNCLEAR', { sent: true });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect([world.count(label), world.ledger.states]).toEqual([2, { 1: 'revoked', 2: 'active' }]);
  });
});

describe.concurrent('a consumer that fails', () => {
  it("ends the others' waiting, and the rotation goes back", async () => {
    const world = stage.world();
    const waiting = world.script.holds('confirmConsumer wave-2/cron');
    const failing = world.script.holds('handOut wave-2/web-2');
    world.script.fails('confirmConsumer wave-2/web-2', 'KR_NOT_CONFIRMED');
    await world.begin();
    await world.reached(waiting);
    failing.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.last('confirmConsumer wave-2/cron').how).toBe('cancelled');
  });

  it("never cuts another's hand-out short: it is void from the turn on, and waited for before the new key goes", async () => {
    const world = stage.world();
    const flying = world.script.holds('handOut wave-2/cron');
    const settling = world.script.holds('awaitSettled');
    world.script.fails('confirmConsumer wave-2/web-2', 'KR_NOT_CONFIRMED');
    await world.begin();
    await world.reached(flying);
    await world.reached(settling);
    flying.release();
    await world.untilOver('handOut wave-2/cron');
    expect([world.last('handOut wave-2/cron').how, world.count('revokeVersion')]).toEqual(['KR_FENCED', 0]);
    settling.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.acted('handOut back-1/cron')).toBe(1);
  });

  it('that does not confirm in its time is looked at once more, and that counts', async () => {
    const world = stage.world({ policy: { confirm: 300 } });
    world.script.holds('confirmConsumer wave-1/web-1');
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect(world.count('confirmConsumer wave-1/web-1')).toBe(2);
  });

  it('is told with what the last look saw', async () => {
    const world = stage.world({ policy: { confirm: 300 } });
    world.script.holds('confirmConsumer wave-1/web-1');
    world.script.fails('confirmConsumer wave-1/web-1', 'KR_NOT_YET_CONFIRMED');
    expect(await world.run()).toMatchObject({ outcome: 'compensated', reason: 'KR_NOT_YET_CONFIRMED: as the test has it' });
  });

  it('cannot be handed the key in its time: the rotation goes back, and there it has all the time', async () => {
    const world = stage.world({ policy: { confirm: 300 } });
    world.script.holds('handOut wave-1/web-1');
    world.script.fails('handOut back-1/web-1', 'KR_HOST_UNAVAILABLE', { times: 3 });
    expect(await world.run()).toMatchObject({
      outcome: 'compensated',
      reason: expect.stringContaining('web-1 could not be handed generation 2') as string,
    });
    expect(world.count('handOut back-1/web-1')).toBe(4);
  });
});

describe.concurrent('a step that fails for good where there is no way back', () => {
  it.each([
    ['revokeVersion 1', {}],
    ['proveDead', {}],
    ['removeStrays', {}],
    ['regenerateSecret 1', inPlace],
    ['updateSecret 1/web-1', inPlace],
    ['proveSecret 1', inPlace],
    ['deployConsumer forward-1/cron', inPlace],
  ] as const)('%s waits for a person, and is repeated when told to', async (label, setting) => {
    const world = stage.world(setting);
    world.script.fails(label, 'KR_STORE_UNAUTHORIZED');
    await world.begin();
    await world.untilWaits('a person: KR_STORE_UNAUTHORIZED');
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('note turn-back'), world.outside.harm]).toEqual([0, []]);
  });

  it('is no reason to go back before it either, where nobody can tell what happened', async () => {
    const world = stage.world();
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
    const world = stage.world();
    world.script.answers('proveDead', false);
    expect(await world.run()).toMatchObject({
      outcome: 'completed',
      reason: expect.stringMatching(/^generation 1 is still accepted/) as string,
    });
  });

  it('is not waited for when an operator skips it', async () => {
    const world = stage.world();
    const held = world.script.holds('proveDead');
    await world.begin();
    await world.reached(held);
    await world.say('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed', reason: null });
  });
});
