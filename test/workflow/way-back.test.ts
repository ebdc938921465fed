/**
 * The way back from every step: the turn is on record before anything is undone, what may have been
 * done is undone, and beyond the point of no return nothing is.
 */
import { describe, expect, it } from 'vitest';
import { type Expected, expectOrderFrom, sideBySide } from './fakes/order.js';
import { useStage } from './fakes/stage.js';
import type { Setting, World } from './fakes/world.js';

const stage = useStage();
const both = sideBySide('inspectConsumers east', 'inspectConsumers west');
const handedBack = (names: readonly string[], round = 1) =>
  sideBySide(...names.map((name) => [`distribute back-${round}/${name}`, `confirmConsumer back-${round}/${name}`]));
/** Where it does not matter how many there are. */
const one = { programs: ['east/web-1'] } as const;
const everyone = ['web-1', 'web-2', 'cron'];
const turned = ['recordVerb abort', 'turnBack'];
const begun = ['releaseLeases', 'readUndo', 'readUndo'];
/** From where everyone has the old key again. */
const ended = (look: readonly Expected[], round = 1) => ['awaitSettled', 'reinstate', ...look, `revokeVersion back-${round}`];
const closed = ['removeOrphans', 'close compensated'];

const isEffect = (label: string) => /^(mint|distribute|disable|take)/.test(label);

/**
 * Aborted while the step is held. An effect that is in flight is waited for, an observation is
 * dropped: it never ends by itself.
 */
async function aborted(during: string, setting: Setting = {}, script: (world: World) => void = () => undefined) {
  const world = stage.world(setting);
  script(world);
  const held = world.script.holds(during);
  await world.begin();
  await world.reached(held);
  await world.say('abort');
  if (isEffect(during)) held.release();
  return world;
}

describe.concurrent('an overlap rotation that is aborted', () => {
  const ways: readonly [during: string, setting: Setting, way: readonly Expected[]][] = [
    ['preflightStore', {}, [...turned, ...begun, 'close refused']],
    ['mintVersion', {}, [...turned, ...begun, 'proveEnabled', ...ended([]), ...closed]],
    ['proveVersion', {}, [...turned, ...begun, 'proveEnabled', ...ended([]), ...closed]],
    [
      'distribute wave-1/web-1',
      {},
      [...turned, ...begun, 'proveEnabled', handedBack(['web-1']), ...ended(['inspectConsumers east']), ...closed],
    ],
    ['drain 1', {}, [...turned, ...begun, 'proveEnabled', handedBack(everyone), ...ended([both]), ...closed]],
    [
      'disableVersion 1',
      { disables: true },
      [
        ...turned,
        ...begun,
        'enableVersion back-1',
        'proveEnabled',
        'proveEnabled',
        handedBack(everyone),
        ...ended([both]),
        ...closed,
      ],
    ],
  ];

  it.each(ways)('during %s undoes just what may have been done', async (during, setting, way) => {
    const world = await aborted(during, setting);
    const outcome = way.includes('close refused') ? 'refused' : 'compensated';
    expect(await world.ended()).toMatchObject({ outcome, reason: 'aborted by test: a test' });
    expectOrderFrom(turned[0]!, world, way);
    const interrupted = world.script.log.find((e) => e.label === during)!;
    if (isEffect(during)) expect(interrupted.ended).toBeLessThan(world.last('turnBack').began);
    expect(interrupted.how === 'done').toBe(isEffect(during));
    expect(world.ledger.states[1]).toBe('active');
    expect(world.ledger.states[2] ?? 'revoked').toBe('revoked');
    expect(world.outside.uses).toEqual({ 'web-1': 1, 'web-2': 1, cron: 1 });
  });

  it('hands the old key out once more when somebody turns out to be on the new one still, and asks a person after three rounds', async () => {
    const world = await aborted('drain 1', {}, ({ script }) => script.fails('revokeVersion', 'KR_CONSUMER_BEHIND', { times: 6 }));
    await world.untilWaits('consumers do not stay on the old version');
    expect([world.count('distribute back-3/cron'), world.count('distribute back-4/cron')]).toEqual([1, 0]);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.acted('revokeVersion back-4')).toBe(1);
  });

  it('hands nobody the old key while the store does not accept it', async () => {
    const world = await aborted('drain 1', {}, ({ script }) => script.answers('proveEnabled', 'refused'));
    await world.untilWaits('generation 1 is not accepted any more');
    expect(world.count('distribute back-1/cron')).toBe(0);
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
  });

  it('waits for what may still land before it takes the new key away', async () => {
    const world = await aborted('drain 1', {}, ({ script }) => script.answers('awaitSettled', 20));
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expect(world.last('awaitSettled').input.kinds).toEqual(['distribute']);
    expect(world.waits).toEqual(['earlier requests to land or to be void']);
  });
});

describe.concurrent('an overlap rotation in which a step fails for good', () => {
  it.each([
    ['proveVersion', 'KR_NOT_PROVED', 'compensated'],
    ['confirmConsumer wave-2/cron', 'KR_NOT_CONFIRMED', 'compensated'],
  ] as const)('%s: goes back by itself, and says why', async (label, code, outcome) => {
    const world = stage.world();
    world.script.fails(label, code);
    expect(await world.run()).toMatchObject({ outcome, reason: `${code}: as the test has it` });
    expect(world.script.log.slice(-1)[0]!.label).toBe(`close ${outcome}`);
    expect(world.ledger.row.direction).toBe('back');
  });

  it('goes back when the guard of the revoke refuses: nothing was sent', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', 'KR_GUARD_REFUSED');
    expect(await world.run()).toMatchObject({ outcome: 'compensated', reason: 'KR_GUARD_REFUSED: as the test has it' });
  });

  it('never goes back once the revoke may have been sent: a person is asked, and it goes on', async () => {
    const world = stage.world(one);
    world.script.fails('revokeVersion 1', 'KR_STORE_REFUSED');
    await world.begin();
    await world.untilWaits('KR_STORE_REFUSED');
    await expect(world.say('abort')).rejects.toMatchObject({ cause: { type: 'KR_VERB_ILLEGAL' } });
    await world.sayOnceLegal('retry');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect([world.count('turnBack'), world.count('revokeVersion 1')]).toEqual([0, 2]);
  });

  it('undoes nothing when the ledger knows of a revoke that may have been sent', async () => {
    const world = stage.world(one);
    world.script.fails('confirmConsumer wave-1/web-1', 'KR_NOT_CONFIRMED');
    world.script.fails('turnBack', 'KR_BEYOND_RETURN');
    await world.begin();
    await expect(world.ended()).rejects.toMatchObject({ cause: { type: 'KR_BEYOND_RETURN' } });
    expect(world.script.log.at(-1)?.label).toBe('turnBack');
  });
});

describe.concurrent('an in-place rotation that is aborted', () => {
  const inPlace = { strategy: 'in-place' } as const;
  const up = (round: string, names: readonly string[]) =>
    sideBySide(...names.map((name) => [`deployConsumer ${round}-1/${name}`, `confirmDeployed ${round}/${name}`]));

  it('before a program was told to stop has changed nothing', async () => {
    const world = await aborted('takeLeases', inPlace);
    expect(await world.ended()).toMatchObject({ outcome: 'refused' });
    expectOrderFrom(turned[0]!, world, [...turned, 'readUndo', 'close refused']);
  });

  it('starts what was told to stop, and only that', async () => {
    const world = await aborted('awaitStopped west', { ...inPlace, stopped: ['web-2'] });
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    expectOrderFrom(turned[0]!, world, [
      ...turned,
      'readUndo',
      up('back', ['web-1', 'cron']),
      'awaitSettled',
      'close compensated',
    ]);
    expect([...world.outside.up].sort()).toEqual(['cron', 'web-1']);
  });

  it('starts it once more when a late undeploy could land after the start', async () => {
    const world = await aborted('awaitStopped west', inPlace, ({ script }) => script.answers('awaitSettled', 20));
    expect(await world.ended()).toMatchObject({ outcome: 'compensated' });
    const again = [up('back', everyone), 'awaitSettled', 'openWait', up('settled', everyone)];
    expectOrderFrom(turned[0]!, world, [...turned, 'readUndo', ...again, 'close compensated']);
    expect(world.last('awaitSettled').input.kinds).toEqual(['undeploy']);
  });
});

describe.concurrent("a cancel from Temporal's own tools", () => {
  it.each([
    ['overlap', 'drain 1'],
    ['in-place', 'regenerateSecret 1'],
  ] as const)('is told and not obeyed: %s', async (strategy, step) => {
    const world = stage.world({ ...one, strategy });
    const held = world.script.holds(step);
    await world.begin();
    await world.reached(held);
    await world.handle.cancel();
    await world.untilBegun('report');
    held.release();
    expect(await world.ended()).toMatchObject({ outcome: 'completed', reason: null });
    expect([world.count('report'), world.count('turnBack')]).toEqual([1, 0]);
  });
});
