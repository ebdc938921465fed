/**
 * A program that only a person can change: one is asked for at a time, and that person's word
 * counts before anything is confirmed.
 */
import { describe, expect, it } from 'vitest';
import { expectOrder, notes, only } from './fakes/order.js';
import { useStage } from './fakes/stage.js';

const stage = useStage();
const people = { programs: ['east/web-1'], manualConsumers: ['web-1'] } as const;
const steps = only(
  'distribute',
  'askForAttestation',
  'recordAttestation',
  'confirmConsumer',
  'withdrawStaged',
  'releaseLease',
  ...notes,
  'cutOver',
);

describe.concurrent('a hand-out that a person carries out', () => {
  it('is confirmed only behind that person, who is asked again when what was said does not hold', async () => {
    const world = stage.world(people);
    world.script.answers('recordAttestation', { refused: 'this is the fingerprint of generation 1' });
    await world.begin();
    expect(await world.provideOnceAsked('askForAttestation wave-1/web-1')).toMatchObject({ taken: false });
    expect(await world.provideOnceAsked('askForAttestation wave-1/web-1', { fingerprint: 'f' }, 2)).toMatchObject({
      taken: true,
    });
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const word = ['recordVerb provide', 'recordAttestation wave-1/web-1'];
    expectOrder(
      world,
      [
        'distribute wave-1/web-1',
        'askForAttestation wave-1/web-1',
        ...word,
        'askForAttestation wave-1/web-1',
        ...word,
        'confirmConsumer wave-1/web-1',
        'cutOver 1',
      ],
      steps,
    );
    expect(world.last('recordAttestation').input.fingerprint).toBe('f');
  });

  it('is asked for one program at a time, although the keys of all lie ready', async () => {
    const world = stage.world({
      programs: ['east/web-1', 'west/cron'],
      manualConsumers: ['web-1', 'cron'],
      rollout: { canary: 0 },
    });
    await world.begin();
    await world.untilLegal('reject');
    expect([world.count('distribute'), world.count('askForAttestation')]).toEqual([2, 1]);
    const first = world.last('askForAttestation').input.consumer;
    await world.provide();
    await world.untilBegun(`askForAttestation wave-1/${first === 'cron' ? 'web-1' : 'cron'}`);
    await world.provideOnceAsked('askForAttestation');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    expect(world.outside.uses).toEqual({ 'web-1': 2, cron: 2 });
  });

  it('is asked for no more when the program is exempted, and its key is taken away again', async () => {
    const world = stage.world({ programs: ['east/web-1', 'west/cron'], manualConsumers: ['cron'] });
    await world.begin();
    await world.untilLegal('reject');
    await world.say('exempt', 'cron');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const gone = ['recordVerb exempt', 'withdrawStaged wave-2/cron', 'releaseLease west/cron', 'cutOver 1'];
    expectOrder(world, ['askForAttestation wave-2/cron', ...gone], (label) => steps(label) && !/web-1|distribute/.test(label));
  });

  it('turns the rotation back when that person declines, and the old key is asked for, too', async () => {
    const world = stage.world(people);
    await world.begin();
    await world.sayOnceLegal('reject');
    await world.provideOnceAsked('askForAttestation back-1/web-1');
    expect(await world.ended()).toMatchObject({
      outcome: 'compensated',
      reason: expect.stringContaining('the hand-out to web-1 was rejected by test') as string,
    });
  });

  it('sounds an alarm when it takes long, and is asked for in those words from then on', async () => {
    const world = stage.world({ ...people, policy: { approveWithin: 50 } });
    world.script.answers('recordAttestation', { refused: 'no' });
    await world.begin();
    await world.untilBegun('askForAttestation wave-1/web-1', 2);
    await world.provideOnceAsked('askForAttestation wave-1/web-1');
    await world.untilBegun('askForAttestation wave-1/web-1', 3);
    expect(world.last('askForAttestation').input.overdue).toBe(true);
    await world.provideOnceAsked('askForAttestation wave-1/web-1');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
  });
});

describe.concurrent('a program of which nobody has said which key it is on', () => {
  const [web] = [{ name: 'web-1', host: 'east', settings: {} }];
  const unattested = { findings: [], consumers: [web], running: ['web-1'], unattested: ['web-1'] };

  it('is asked for before the first change, and looked at again', async () => {
    const world = stage.world(people);
    world.script.answers('preflightHost east', unattested);
    await world.begin();
    await world.provideOnceAsked('askForAttestation first/web-1');
    await world.provideOnceAsked('askForAttestation wave-1/web-1');
    expect(await world.ended()).toMatchObject({ outcome: 'completed' });
    const asked = [
      'preflightHost east',
      'askForAttestation first/web-1',
      'recordAttestation first/web-1',
      'releaseLease east/web-1',
    ];
    expectOrder(
      world,
      [...asked, 'preflightHost east', 'freezePlan'],
      only('preflightHost', 'askForAttestation first/web-1', 'recordAttestation first/web-1', 'releaseLease', 'freezePlan'),
    );
  });

  it('refuses the rotation when it still cannot be told', async () => {
    const world = stage.world(people);
    world.script.answers('preflightHost east', unattested, { times: 2 });
    await world.begin();
    await world.provideOnceAsked('askForAttestation first/web-1');
    expect(await world.ended()).toMatchObject({ outcome: 'refused', reason: 'nobody has said which key web-1 is on' });
    expect(world.count('mintVersion')).toBe(0);
  });
});
