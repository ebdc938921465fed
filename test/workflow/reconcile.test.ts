/**
 * A ledger that was set back is told what the run remembers; the rest is done again, and nothing is
 * destroyed on a guess.
 */

import { describe, expect, it } from 'vitest';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';
import { expectOrder, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { Setting, World } from './fakes/world.js';

const stage = useStage();
const inPlace = { strategy: 'in-place' } as const;

/**
 * The ledger loses what was committed between `copied` and `swapped`, each held meanwhile; `copied`
 * null: all of the rotation.
 */
async function setBack(copied: string | null, swapped: string, setting: Setting = {}): Promise<World> {
  const world = stage.world(setting);
  let copy = world.ledger.copy();
  const early = copied === null ? null : world.script.holds(copied);
  const late = world.script.holds(swapped);
  await world.begin();
  if (early) {
    await world.reached(early);
    copy = world.ledger.copy();
    early.release();
  }
  await world.reached(late);
  world.ledger.setBack(copy);
  late.release();
  return world;
}

const afterwards = (world: World) => world.script.log.slice(world.script.log.findIndex((e) => e.label === 'reconcile'));

describe.concurrent('an overlap rotation behind a ledger that has lost', () => {
  it.each([
    ['all of it while the key is handed out', null, 'distribute wave-2/web-2', true],
    ['the cut-over', 'confirmConsumer wave-2/web-2', 'drain 1', true],
  ] as const)('%s, goes on and knows the key that it made, and whether anybody was handed it', async (_, copied, swapped, delivered) => {
    const world = await setBack(copied, swapped);
    expect(await world.ended()).toMatchObject({ run: `${world.credential}#2`, outcome: 'completed' });
    expect(afterwards(world).find((e) => e.label === 'mintVersion')!.input).toMatchObject({ known: 'key-2', delivered });
    expect([world.count('reconcile'), world.outside.harm]).toEqual([1, []]);
    expect(world.ledger.states).toEqual({ 1: 'revoked', 2: 'active' });
  });

  it('the revoke, waits for nothing before it does it again', async () => {
    const world = await setBack('drain 1', 'proveDead');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const labels = afterwards(world).map((e) => e.label);
    expect(labels.filter(only('drain', 'revokeVersion'))).toEqual(['revokeVersion 1']);
    expect(world.outside.uses).toEqual({ 'web-1': 2, 'web-2': 2, cron: 2 });
  });

  it('the turn back, still goes back, and hands the old key to everyone', async () => {
    const world = stage.world();
    const copy = world.ledger.copy();
    const drain = world.script.holds('drain 1');
    const back = world.script.holds('proveEnabled');
    await world.begin();
    await world.reached(drain);
    await world.say('abort');
    await world.reached(back);
    world.ledger.setBack(copy);
    back.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated', reason: 'aborted by test: a test' });
    expect(afterwards(world)[0]!.input.back).toBe('aborted by test: a test');
    expect(
      afterwards(world)
        .map((e) => e.label)
        .filter(only('distribute'))
        .sort(),
    ).toEqual(['cron', 'web-1', 'web-2'].map((name) => `distribute back-1/${name}`));
    expect(world.last('removeOrphans').input.known).toBe('key-2');
  });
});

describe.concurrent('an in-place rotation behind a ledger that has lost', () => {
  it('the undeploys, tells everyone to stop once more, and starts what ran at first', async () => {
    const world = await setBack('takeLeases', 'awaitStopped east', { ...inPlace, stopped: ['cron'] });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([...world.outside.up].sort()).toEqual(['web-1', 'web-2']);
    const stopped = afterwards(world).filter((e) => e.label.startsWith('undeployConsumer'));
    expect(stopped.map((e) => e.label).sort()).toEqual(['undeployConsumer 1001/web-1', 'undeployConsumer 1001/web-2']);
  });

  it('all of it before the way back, starts what it remembers to have stopped', async () => {
    const world = stage.world(inPlace);
    const copy = world.ledger.copy();
    const waiting = world.script.holds('awaitStopped east');
    const back = world.script.holds('deployConsumer back-1/web-1');
    await world.begin();
    await world.reached(waiting);
    await world.say('abort');
    await world.reached(back);
    world.ledger.setBack(copy);
    back.release();
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect([...world.outside.up].sort()).toEqual(['cron', 'web-1', 'web-2']);
  });

  it('the regenerate, waits for a start that is still out before it stops the programs again', async () => {
    const world = stage.world(inPlace);
    const waiting = world.script.holds('awaitStopped east');
    const [first, second] = [
      world.script.holds('deployConsumer forward-1/web-1'),
      world.script.holds('deployConsumer forward-1/web-2'),
    ];
    await world.begin();
    await world.reached(waiting);
    const copy = world.ledger.copy();
    waiting.release();
    await Promise.all([world.reached(first), world.reached(second)]);
    world.ledger.setBack(copy);
    first.release();
    await world.untilTold('deployConsumer forward-1/web-1');
    expect(world.count('reconcile')).toBe(0);
    second.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('reconcile'), world.outside.harm]).toEqual([1, []]);
  });

  it('the regenerate, does it again under the same name, with every program stopped, and cannot be aborted', async () => {
    const world = await setBack('awaitStopped east', 'updateSecret 1/web-1', inPlace);
    const again = world.script.holds('regenerateSecret 1');
    await world.reached(again);
    expect(await world.legalVerbs()).toEqual(['exempt']);
    again.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.acted('regenerateSecret 1'), world.count('regenerateSecret'), world.outside.harm]).toEqual([2, 2, []]);
    expectOrder(world, ['reconcile', 'close completed'], only('reconcile', 'close'));
  });
});

describe.concurrent('a run that another one has taken over', () => {
  it('ends without a word once it has heard so: it reconciles nothing and undoes nothing', async () => {
    const world = stage.world();
    const held = world.script.holds('drain 1');
    await world.begin();
    await world.reached(held);
    await world.ledger.open({ credential: world.credential, options: world.options, by: tester, ...anOrder('another') });
    held.release();
    await expect(world.ended()).rejects.toMatchObject({ cause: { type: 'KR_FENCED' } });
    // It asks once whether it holds the rotation still.
    expect(world.script.log.slice(-2).map(({ label }) => label)).toEqual(['drain 1', 'openRun']);
  });
});
