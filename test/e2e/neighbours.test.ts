/**
 * Whoever else acts on the same stores and programs: a second installation, a full store, restarts,
 * autoscalers and configuration management. Refused is nothing.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane, type RunShown, sleep } from '../support/lane.js';
import { isIn, say } from '../support/moments.js';
import { asAdministrator, secondCredential } from '../support/second-credential.js';

let lane: Lane;
let second: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
  second = await Lane.beside(lane);
});
afterAll(async () => {
  await second?.stop();
  await lane?.stop();
});

const file = (program: string) => path.join(path.dirname(lane.config), 'hosts', program, 'datadog.yaml');
const live = async () => (await lane.keys('datadog')).filter((k) => k.state === 'live');
const agents = 'datadog/agents' as const;

/** A person is asked before the old key goes. */
const watched = (text: string) => text.replace('grace: 2s', 'grace: 2s, confirm: 20s, approve: [take-away]');

/** Both installations adopt the keys of a fresh account. */
async function freshForBoth(): Promise<void> {
  await lane.fresh([agents]);
  await second.adoptAnew([agents]);
}

async function expectNothingRefused(): Promise<void> {
  const traffic = (await lane.traffic()).filter((t) => t.vendor === 'datadog');
  expect(traffic.map((t) => [t.app, t.refused, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0]));
}

describe('a second installation on the same store', () => {
  it('removes nothing that the first one has made, and is refused where its key has been replaced', async () => {
    await freshForBoth();
    const strangers = await strangersOf(lane);
    await lane.rotate(agents);
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
    const before = (await live()).map((k) => k.id);

    await second.rotate(agents);
    expect(await second.settled(agents)).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('generation 1') });
    expect((await live()).map((k) => k.id)).toEqual(before);
    await expectNothingRefused();
  });
});

describe('a store at its limit', () => {
  it('gives one of two rotations its key and refuses the other, naming the limit', async () => {
    await lane.fresh([agents]);
    await lane.apply(await secondCredential(lane));
    // A key that a cloud manages does not count at Datadog; the list does not tell it from others,
    // so it would be room that nobody expects.
    const managed = (await live()).find((k) => k.name === 'Azure integration')!;
    expect((await asAdministrator(lane, 'DELETE', `/api/v2/api_keys/${managed.id}`)).status).toBe(204);
    const there = (await live()).length;
    await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: there + 1 });
    await Promise.all([lane.rotate(agents), lane.rotate('datadog/extras')]);
    const ends = await Promise.all([lane.settled(agents), lane.settled('datadog/extras')]);
    await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: 50 });
    const outcomes = ends.map((e) => e.outcome);
    expect(outcomes, JSON.stringify(ends)).toContain('completed');
    const other = ends.find((e) => e.outcome !== 'completed')!;
    expect(other.outcome).toMatch(/refused|compensated/);
    expect(other.reason).toMatch(/limit|at most|maximum/);
    expect((await live()).length).toBe(there);
    await expectNothingRefused();
  });
});

describe('a consumer', () => {
  it.each([300, 1_600])('that restarts by itself, first after %i ms, is on the new key in the end', async (first) => {
    await lane.fresh([agents]);
    const strangers = await strangersOf(lane);
    await lane.rotate(agents);
    await isIn(lane, agents, 'distributing');
    for (const wait of [first, 700, 1_300]) {
      await sleep(wait);
      await lane.ask('POST', '/apps/web-1/crash');
    }
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
  });

  it('of which an autoscaler starts an instance from the old source after the last confirmation is handed the new key again', async () => {
    await lane.fresh([agents], watched);
    const strangers = await strangersOf(lane);
    const old = readFileSync(file('web-1'), 'utf8');
    await lane.rotate(agents);
    await atTheGate();
    const current = readFileSync(file('web-1'), 'utf8');
    expect(current).not.toBe(old);
    // The image that the autoscaler starts from was made before the rotation.
    writeFileSync(file('web-1'), old);
    await lane.ask('POST', '/apps/web-1/instances', { count: 2 });
    await sleep(1_000);
    writeFileSync(file('web-1'), current);
    await expectOverlapConverged(lane, await approved(), strangers);
    await lane.ask('POST', '/apps/web-1/instances', { count: 1 });
  });

  it('whose old file configuration management puts back during the approval is handed the new key again', async () => {
    await lane.fresh([agents], watched);
    const strangers = await strangersOf(lane);
    copyFileSync(file('web-2'), `${file('web-2')}.before`);
    await lane.rotate(agents);
    await atTheGate();
    copyFileSync(`${file('web-2')}.before`, file('web-2'));
    await expectOverlapConverged(lane, await approved(), strangers);
    expect(readFileSync(file('web-2'), 'utf8')).not.toBe(readFileSync(`${file('web-2')}.before`, 'utf8'));
  });
});

describe('a second installation that rotates the same key at the same time', () => {
  it('ends no key that a program uses', async () => {
    await freshForBoth();
    // Neither gives up while it is watched: one that goes back hands the first key out, which the
    // other may have ended by then.
    for (const installation of [lane, second])
      await installation.apply((text) => text.replace('grace: 2s', 'grace: 2s, confirm: 10m'));
    await Promise.all([lane.rotate(agents), second.rotate(agents)]);
    // They take the programs from each other, for longer or shorter: what counts is that neither
    // takes a key away from them.
    const end = async (installation: Lane) => {
      await Promise.race([installation.settled(agents).catch(() => undefined), sleep(12_000)]);
      return installation.rotation(agents);
    };
    const ends = await Promise.all([end(lane), end(second)]);
    console.log('two installations on one key:', ends.map((e) => e?.outcome ?? e?.waits_for?.text ?? e?.phase).join(' | '));
    await sleep(1_000);
    await expectNothingRefused();
  });
});

/**
 * What was approved turned out not to be so: the program is handed the new key once more, and the
 * person is asked again.
 */
async function approved(): Promise<RunShown> {
  const asked = async () => (await lane.rotation(agents))!.waits_for?.since;
  const first = await asked();
  await say(lane, agents, 'approve');
  await lane.until('the second question', async () => {
    const rotation = (await lane.rotation(agents))!;
    return rotation.waits_for?.text.includes('take-away') && rotation.waits_for.since !== first;
  });
  await say(lane, agents, 'approve');
  return lane.until('its end', async () => {
    const rotation = await lane.rotation(agents);
    return rotation?.outcome ? rotation : undefined;
  });
}

const atTheGate = () => lane.until('the gate', async () => (await lane.rotation(agents))?.waits_for?.text.includes('take-away'));
