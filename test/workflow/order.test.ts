/**
 * The order of the steps of every sequence, to the letter: nothing is taken away before everyone
 * has what takes its place.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, only, sideBySide } from './fakes/order.js';
import { useStage } from './fakes/stage.js';

const stage = useStage();

const prepared = ['openRun', 'preflightStore', sideBySide('preflightHost east', 'preflightHost west'), 'freezePlan'];
const everyone = sideBySide(
  ['distribute wave-1/web-1', 'confirmConsumer wave-1/web-1'],
  ['distribute wave-1/web-2', 'confirmConsumer wave-1/web-2'],
  ['distribute wave-1/cron', 'confirmConsumer wave-1/cron'],
);
const look = sideBySide('inspectConsumers east', 'inspectConsumers west');
const atOnce = { canary: 0, wave: { share: 1 } } as const;

describe.concurrent('an overlap rotation', () => {
  it('revokes the old key only when everyone was handed the new one, and confirmed, and the old one is quiet', async () => {
    const world = stage.world();
    expect(await world.run()).toMatchObject({ outcome: 'completed', generation: 2, reason: null });
    expectOrder(world, [
      ...prepared,
      'mintVersion',
      'proveVersion',
      'distribute wave-1/web-1',
      'confirmConsumer wave-1/web-1',
      sideBySide(
        ['distribute wave-2/web-2', 'confirmConsumer wave-2/web-2'],
        ['distribute wave-2/cron', 'confirmConsumer wave-2/cron'],
      ),
      'cutOver 1',
      'drain 1',
      look,
      'revokeVersion 1',
      'proveDead',
      'removeOrphans',
      'close completed',
    ]);
    expect(world.ledger.states).toEqual({ 1: 'revoked', 2: 'active' });
    expect(world.outside.uses).toEqual({ 'web-1': 2, 'web-2': 2, cron: 2 });
  });

  it('gives the new key its places in the lists of a store that keeps some, before anybody is handed it', async () => {
    const world = stage.world({ keepsLists: true, rollout: atOnce });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(
      world,
      ['mintVersion', 'proveVersion', 'copyMemberships', everyone],
      only('mintVersion', 'proveVersion', 'copyMemberships', 'distribute', 'confirmConsumer'),
    );
  });

  it('disables the old key and watches everyone first, where the store can disable', async () => {
    const world = stage.world({ disables: true, rollout: atOnce });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [
      ...prepared,
      'mintVersion',
      'proveVersion',
      everyone,
      'cutOver 1',
      'drain 1',
      look,
      'disableVersion 1',
      sideBySide('watchSoak 1 east', 'watchSoak 1 west'),
      look,
      'revokeVersion 1',
      'proveDead',
      'removeOrphans',
      'close completed',
    ]);
  });

  it('waits out the soak for those whom nobody knows of, where nobody is declared to use the key', async () => {
    const world = stage.world({ disables: true, programs: [] });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [
      'openRun',
      'preflightStore',
      'freezePlan',
      'mintVersion',
      'proveVersion',
      'cutOver 1',
      'drain 1',
      'disableVersion 1',
      'waitOutSoak 1',
      'revokeVersion 1',
      'proveDead',
      'removeOrphans',
      'close completed',
    ]);
  });

  it('begins no wave before everyone of the wave before has confirmed', async () => {
    const world = stage.world({
      programs: ['east/a', 'east/b', 'east/c', 'west/d', 'west/e'],
      rollout: { canary: 1, wave: { share: 0.4 } },
    });
    const slow = world.script.holds('confirmConsumer wave-2/c');
    await world.begin();
    await world.reached(slow);
    await world.untilBegun('confirmConsumer wave-2/b');
    expect(world.count('distribute')).toBe(3);
    slow.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const step = (wave: number, name: string) => [`distribute wave-${wave}/${name}`, `confirmConsumer wave-${wave}/${name}`];
    expectOrder(
      world,
      [sideBySide(step(1, 'a')), sideBySide(step(2, 'b'), step(2, 'c')), sideBySide(step(3, 'd'), step(3, 'e'))],
      (label) => /^(distribute|confirmConsumer) wave/.test(label),
    );
  });

  it('tells the hosts who uses the key, as the store has it, and everything that speaks against it at once', async () => {
    const world = stage.world();
    world.script.answers('preflightStore', {
      findings: [{ reason: 'no-room', message: 'it is full' }],
      usedBy: ['cron'],
      disables: false,
    });
    const ill = { findings: [{ reason: 'unhealthy', message: 'web-1 is ill' }], consumers: [], running: [] };
    world.script.answers('preflightHost east', ill);
    expect(await world.run()).toMatchObject({ outcome: 'refused', reason: 'it is full; web-1 is ill' });
    expect(world.last('preflightHost west').input.usedBy).toEqual(['cron']);
    expectOrder(world, [...prepared.slice(0, 3), 'close refused']);
  });
});

const deployed = (round: string, name: string) => [`deployConsumer ${round}-1/${name}`, `confirmDeployed ${round}/${name}`];
const stopped = sideBySide('awaitStopped east', 'awaitStopped west');
const firstStopped = sideBySide('openWindow', 'awaitStopped east', 'awaitStopped west');
const updated = (trial: number) =>
  sideBySide(`updateSecret ${trial}/web-1`, `updateSecret ${trial}/web-2`, `updateSecret ${trial}/cron`);
const up = sideBySide(deployed('forward', 'web-1'), deployed('forward', 'web-2'), deployed('forward', 'cron'));
const down = [
  ...prepared,
  'rememberRunning',
  'takeLeases',
  sideBySide('undeployConsumer 1/web-1', 'undeployConsumer 1/web-2', 'undeployConsumer 1/cron'),
  firstStopped,
  'regenerateSecret 1',
];

describe.concurrent('an in-place rotation', () => {
  it('stops every program before it changes the secret, and starts none before the new one is handed out and proved', async () => {
    const world = stage.world({ strategy: 'in-place' });
    expect(await world.run()).toMatchObject({ outcome: 'completed', sequence: 'in-place', reason: null });
    expectOrder(world, [...down, updated(1), 'proveSecret 1', up, 'close completed']);
    expect(world.ledger.states).toEqual({ 1: 'revoked', 2: 'active' });
  });

  it('hands the secret to programs that did not run, starts none of them, and says when the others were down for too long', async () => {
    const world = stage.world({ strategy: 'in-place', stopped: ['cron'], policy: { downtime: 0 } });
    const { outcome, reason } = await world.run();
    expect([outcome, reason]).toEqual(['completed', expect.stringMatching(/^programs were down for .*; 0s are acceptable$/)]);
    expectOrder(world, [
      ...prepared,
      'rememberRunning',
      'takeLeases',
      sideBySide('undeployConsumer 1/web-1', 'undeployConsumer 1/web-2'),
      firstStopped,
      'regenerateSecret 1',
      updated(1),
      'proveSecret 1',
      sideBySide(deployed('forward', 'web-1'), deployed('forward', 'web-2')),
      'close completed',
    ]);
    expect([...world.outside.up].sort()).toEqual(['web-1', 'web-2']);
  });

  it('regenerates again when somebody else has changed the secret since, with everything still stopped', async () => {
    const world = stage.world({ strategy: 'in-place' });
    world.script.answers('proveSecret 1', { proof: 'overtaken' });
    expect(await world.run()).toMatchObject({ outcome: 'completed' });
    expectOrder(world, [
      ...down,
      updated(1),
      'proveSecret 1',
      stopped,
      'regenerateSecret again-1',
      updated(2),
      'proveSecret 2',
      up,
      'close completed',
    ]);
  });

  it('asks a person when the secret is overtaken a third time, and goes on when told to', async () => {
    const world = stage.world({ strategy: 'in-place' });
    world.script.answers('proveSecret', { proof: 'overtaken' }, { times: 3 });
    await world.begin();
    await world.untilWaits('the store refuses the new secret (overtaken)');
    expect([world.count('proveSecret'), world.count('deployConsumer')]).toEqual([3, 0]);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.acted('regenerateSecret')).toBe(4);
    expect(world.outside.harm).toEqual([]);
  });

  it('leaves the programs down and asks a person when the store refuses the new secret: it is not tried twice', async () => {
    const world = stage.world({ strategy: 'in-place' });
    world.script.answers('proveSecret 1', { proof: 'refused' });
    await world.begin();
    await world.untilWaits('the programs stay down');
    expect([world.count('proveSecret'), world.count('regenerateSecret'), world.count('deployConsumer')]).toEqual([1, 1, 0]);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.acted('regenerateSecret')).toBe(2);
  });
});
