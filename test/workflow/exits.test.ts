/**
 * Wherever a run stands still, what is offered brings it further, and what was accepted has its
 * effect there.
 */
import { describe, expect, it } from 'vitest';
import type { Wait } from '../../workflows/domain/records.js';
import { useStage } from './fakes/stage.js';
import { never, type World } from './fakes/world.js';

const stage = useStage();
const one = { programs: ['east/web-1'] } as const;
const inPlace = { strategy: 'in-place' } as const;

/** What the last wait that was told of offers. */
const offered = (world: World) => (world.last('openWait').input.wait as Wait).nextCommands;

describe.concurrent('a run that nobody can judge', () => {
  it('turns back when it is aborted, as it says that it can', async () => {
    const world = stage.world(one);
    world.script.fails('drain 1', 'KR_STATE_UNCLEAR', { times: 9 });
    await world.begin();
    await world.untilWaits('KR_STATE_UNCLEAR');
    expect(offered(world)).toEqual(['retry', 'abort']);
    await world.sayOnceLegal('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated', reason: 'aborted by test: a test' });
  });
});

describe.concurrent('an answer', () => {
  it('to a step that failed is none to the next one that fails', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', 'KR_STORE_REFUSED', { times: 2 });
    await world.begin();
    await world.untilWaits('KR_STORE_REFUSED');
    await world.untilLegal('retry');
    await world.say('retry', null, null, 1);
    await world.untilWaits('KR_STORE_REFUSED', 2);
    await world.untilLegal('retry');
    await expect(world.say('retry', null, null, 1)).rejects.toThrow();
    expect(world.count('revokeVersion 1')).toBe(2);
    await world.say('retry', null, null, 2);
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('that resumes a pause does not end the one after it', async () => {
    const world = stage.world(one);
    const [prove, drain] = [world.script.holds('proveVersion'), world.script.holds('drain 1')];
    await world.begin();
    for (const held of [prove, drain]) {
      await world.reached(held);
      await world.say('pause');
      held.release();
      await world.untilWaits('to resume it', held === prove ? 1 : 2);
      if (held === drain) await expect(world.say('resume', null, null, 1)).rejects.toThrow();
      expect(world.count('inspectConsumers')).toBe(0);
      await world.say('resume');
    }
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('of two who have done the same thing is taken once, and none is taken for what is asked next', async () => {
    const world = stage.world({ ...one, manual: ['mint', 'revoke'] });
    const held = world.script.holds('takeProvided');
    await world.begin();
    await world.untilLegal('reject');
    const first = world.provide({ secretRef: 'one', wait: 1 });
    await world.reached(held);
    await expect(world.provide({ secretRef: 'two', wait: 1 })).rejects.toThrow();
    held.release();
    expect(await first).toMatchObject({ taken: true });
    await world.untilBegun('askPerson 1');
    await world.untilLegal('reject');
    await expect(world.provide({ wait: 1 })).rejects.toThrow();
    expect(world.ledger.states[1]).toBe('retiring');
    await world.provide({ wait: 2 });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('whose look was lost is on record, and the rotation goes on; else that person is asked again', async () => {
    const world = stage.world({ ...one, manual: ['mint'] });
    world.script.fails('takeProvided', 'KR_STATE_UNCLEAR');
    world.script.fails('takeProvided', 'KR_STATE_UNCLEAR', { sent: true });
    await world.begin();
    expect(await world.provideOnceAsked('askPerson')).toMatchObject({ taken: false });
    expect(await world.provideOnceAsked('askPerson', {}, 2)).toMatchObject({ taken: true });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.acted('takeProvided')).toBe(1);
  });

  it('finds out that the ledger was set back, and the run with it', async () => {
    const world = stage.world({ ...one, policy: { approve: ['take-away'] } });
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    const copy = world.ledger.copy();
    held.release();
    await world.untilLegal('approve');
    world.ledger.setBack(copy);
    await expect(world.say('approve')).rejects.toThrow();
    await world.untilBegun('reconcile');
    await world.sayOnceLegal('approve');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('a pause', () => {
  it('said during a bake holds before the next wave', async () => {
    const world = stage.world({ rollout: { bake: never, canary: 1, wave: { share: 1 } } });
    await world.begin();
    await world.untilLegal('skip');
    await world.say('pause');
    await world.say('skip');
    await world.untilWaits('to resume it');
    expect(world.count('distribute wave-2/cron')).toBe(0);
    await world.say('resume');
    await world.sayOnceLegal('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('said while the leases are taken holds before a program is stopped, and keeps none of them', async () => {
    const world = stage.world({ ...one, ...inPlace });
    const held = world.script.holds('takeLeases');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    held.release();
    await world.untilWaits('to resume it');
    expect([world.ledger.leases, world.count('undeployConsumer')]).toEqual([[], 0]);
    await world.say('resume');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('said behind the revoke holds before the end, and is offered nothing but its end', async () => {
    const world = stage.world(one);
    const held = world.script.holds('proveDead');
    await world.begin();
    await world.reached(held);
    await world.say('pause');
    held.release();
    await world.untilWaits('to resume it');
    expect([offered(world), world.count('removeOrphans')]).toEqual([['resume'], 0]);
    await world.say('resume');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('a consumer whose host is dead', () => {
  it.each([
    ['is stopped', 'undeployConsumer 1/cron'],
    ['is waited for', 'awaitStopped west'],
    ['is handed the secret', 'updateSecret 1/cron'],
    ['is looked at after it was started', 'confirmDeployed forward/cron'],
  ])('holds up nobody once it is exempted while it %s', async (_, label) => {
    const world = stage.world(inPlace);
    const held = world.script.holds(label);
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    // An effect that is in flight is waited for, until its own deadline.
    if (/^(undeploy|update)/.test(label)) held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([...world.outside.up].sort()).toEqual(expect.arrayContaining(['web-1', 'web-2']));
  });

  it.each([
    ['before the old key goes', 'inspectConsumers west'],
    ['while it is watched', 'watchSoak 1 west'],
  ])('holds up nobody once it is exempted %s', async (_, label) => {
    const world = stage.world({ disables: true });
    const held = world.script.holds(label);
    await world.begin();
    await world.reached(held);
    await world.say('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('a rotation without the old secret', () => {
  const without = { ...one, holdsOldSecret: false, disables: true } as const;

  it('cannot be aborted once consumers may hold the new key: there is nothing to give them back', async () => {
    const world = stage.world({ ...without, policy: { approve: ['take-away'] } });
    const soak = world.script.holds('watchSoak 1 east');
    await world.begin();
    await world.untilLegal('approve');
    expect(offered(world)).toEqual(['approve']);
    for (const verb of ['abort', 'reject'] as const)
      await expect(world.say(verb)).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
    await world.say('approve');
    await world.reached(soak);
    await expect(world.say('abort')).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
    await world.takeOver();
    await world.untilDone('openRun', 2);
    await expect(world.say('abort')).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });

  it('can be aborted before, and turns back', async () => {
    const world = stage.world(without);
    const held = world.script.holds('proveVersion');
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });

  it('asks a person where a step fails that would turn another back, and goes on without the consumer', async () => {
    const world = stage.world(without);
    world.script.fails('confirmConsumer wave-1/web-1', 'KR_NOT_CONFIRMED', { times: 9 });
    await world.begin();
    await world.untilWaits('KR_NOT_CONFIRMED');
    expect([offered(world), world.count('turnBack')]).toEqual([['retry', 'exempt'], 0]);
    await world.sayOnceLegal('exempt', 'web-1');
    expect(await world.ended()).toMatchObject({ outcome: expect.stringMatching(/completed|compensated/) as string });
  });
});

describe.concurrent('an old key that is gone', () => {
  it('before it is disabled: nobody watches what nobody can have back, and it is recorded as ended', async () => {
    const world = stage.world({ ...one, disables: true });
    world.script.fails('disableVersion 1', 'KR_KEY_GONE');
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect([world.count('watchSoak'), world.count('turnBack')]).toEqual([0, 0]);
  });

  it('while it is missed: everyone is handed the new one, without being given back what is gone', async () => {
    const world = stage.world({ ...one, disables: true });
    world.script.answers('watchSoak 1 east', ['web-1']);
    world.script.fails('enableVersion 1-1', 'KR_KEY_GONE');
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expect(world.count('distribute round-2/web-1')).toBe(1);
  });

  it('on the way back: a person who leaves it out has everyone handed the new one, which stays', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    world.script.answers('proveEnabled', 'gone', { times: 9 });
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    await world.untilWaits('gone from the store for good');
    expect(offered(world)).toEqual(['skip']);
    await world.sayOnceLegal('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.ledger.states).toEqual({ 1: 'revoked', 2: 'active' });
    expect([world.outside.uses, world.outside.harm]).toEqual([{ 'web-1': 2, 'web-2': 2, cron: 2 }, []]);
  });

  it('that somebody has switched off is switched on', async () => {
    const world = stage.world(one);
    const held = world.script.holds('drain 1');
    world.script.answers('proveEnabled', 'disabled');
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.acted('enableVersion')).toBe(1);
  });

  it('behind the turn, when the new one is to go: is noticed before anything is destroyed', async () => {
    const world = stage.world(one);
    const held = world.script.holds('drain 1');
    world.script.fails('revokeVersion back-1', 'KR_GUARD_REFUSED');
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    await world.untilWaits('KR_GUARD_REFUSED');
    world.script.answers('proveEnabled', 'gone', { times: 9 });
    await world.sayOnceLegal('retry');
    await world.untilWaits('gone from the store for good');
    await world.sayOnceLegal('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.ledger.states).toEqual({ 1: 'revoked', 2: 'active' });
  });

  it('in place, before it is regenerated: programs are started again when a person says so', async () => {
    const world = stage.world({ ...one, ...inPlace });
    world.script.fails('regenerateSecret 1', 'KR_KEY_GONE', { times: 9 });
    await world.begin();
    await world.untilWaits('KR_KEY_GONE');
    expect(offered(world)).toEqual(['abort']);
    await world.sayOnceLegal('abort');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect([...world.outside.up]).toEqual(['web-1']);
  });

  it('in place, after it was regenerated: ends once every program is left behind', async () => {
    const world = stage.world({ ...one, ...inPlace });
    world.script.answers('proveSecret 1', { result: { proof: 'overtaken' }, head: null } as never);
    world.script.fails('regenerateSecret again-1', 'KR_KEY_GONE', { times: 9 });
    await world.begin();
    await world.untilWaits('KR_KEY_GONE');
    expect(offered(world)).toEqual(['exempt']);
    await world.sayOnceLegal('exempt', 'web-1');
    expect(await world.ended()).toMatchObject({ outcome: 'completed', reason: expect.stringContaining('gone') as string });
  });
});

describe.concurrent('a proof of death that fails for good', () => {
  it('can be left out', async () => {
    const world = stage.world(one);
    world.script.fails('proveDead', 'KR_STORE_REFUSED', { times: 9 });
    await world.begin();
    await world.untilWaits('KR_STORE_REFUSED');
    expect(offered(world)).toEqual(['retry', 'skip']);
    await world.sayOnceLegal('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('a key that is gone while it is changed', () => {
  it('is left as it is when a person says so', async () => {
    const world = stage.world({ options: { update: { change: { kind: 'declared' }, accepted: true } } });
    const held = world.script.holds('proveImage');
    world.script.fails('putBackKey', 'KR_KEY_GONE', { times: 9 });
    await world.begin();
    await world.reached(held);
    await world.say('abort');
    await world.untilWaits('KR_KEY_GONE');
    expect(offered(world)).toEqual(['skip']);
    await world.sayOnceLegal('skip');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });
});
