/** The same incident at every vendor where keys overlap: a program does not come back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lane } from '../support/lane.js';
import { isIn } from '../support/moments.js';

const places = [
  { vendor: 'datadog', credential: 'datadog/agents', program: 'legacy' },
  { vendor: 'docspace', credential: 'docspace/exports', program: 'exports-1' },
  { vendor: 'algolia', credential: 'algolia/indexing', program: 'indexer' },
  { vendor: 'dnn', credential: 'dnn/site-apps', program: 'kiosk' },
] as const;

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(places.map(({ vendor }) => vendor));
});
afterAll(() => lane?.stop());

describe.each(places)('at $vendor', ({ vendor, credential, program }) => {
  const live = async () => (await lane.keys(vendor)).filter((k) => k.state === 'live');

  async function expectNothingRefused(): Promise<void> {
    const traffic = (await lane.traffic()).filter((t) => t.vendor === vendor);
    expect(traffic.map((t) => [t.app, t.refused, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0]));
    expect(traffic.every((t) => t.accepted > 0)).toBe(true);
  }

  it('a program that does not come back has everybody on the old key again, and the new one removed', async () => {
    await lane.fresh([credential], (text) => text.replaceAll(/policy: \{ (every: 90d|soak: 1s)/g, 'policy: { confirm: 20s, $1'));
    const before = (await live()).map((k) => k.id).sort();
    await lane.ask('POST', `/apps/${program}/refuse-start`, { on: true });
    await lane.rotate(credential);
    await isIn(lane, credential, 'compensating');
    await lane.ask('POST', `/apps/${program}/refuse-start`, { on: false });
    expect(await lane.settled(credential)).toMatchObject({
      outcome: 'compensated',
      reason: expect.stringContaining(program),
    });
    expect((await live()).map((k) => k.id).sort()).toEqual(before);
    await lane.until('it to be back', async () => {
      const traffic = (await lane.traffic()).filter((t) => t.vendor === vendor);
      return traffic.every((t) => t.fingerprint !== null) && new Set(traffic.map((t) => t.fingerprint)).size === 1;
    });
    await expectNothingRefused();
  });
});
