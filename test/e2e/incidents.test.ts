/** The same two incidents at every vendor where keys overlap: the reply to the creation is lost, and a program does not come back. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Lane } from '../support/lane.js';
import { isIn } from '../support/moments.js';

const places = [
  { vendor: 'datadog', credential: 'datadog/agents', create: '^/api/v2/api_keys$', program: 'legacy' },
  { vendor: 'docspace', credential: 'docspace/exports', create: '^/api/2.0/keys$', program: 'exports-1' },
  { vendor: 'algolia', credential: 'algolia/indexing', create: '^/1/keys$', program: 'indexer' },
  { vendor: 'dnn', credential: 'dnn/site-apps', create: '/api/ApiKeys$', program: 'kiosk' },
] as const;

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(places.map(({ vendor }) => vendor));
});
afterAll(() => lane?.stop());

describe.each(places)('at $vendor', ({ vendor, credential, create, program }) => {
  beforeEach(() => lane.fresh([credential]));
  const live = async () => (await lane.keys(vendor)).filter((k) => k.state === 'live');
  const made = async () => (await live()).filter((k) => / rekey-|^rekey-/.test(k.name));

  async function expectNothingRefused(): Promise<void> {
    const traffic = (await lane.traffic()).filter((t) => t.vendor === vendor);
    expect(traffic.map((t) => [t.app, t.refused, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0]));
    expect(traffic.every((t) => t.accepted > 0)).toBe(true);
  }

  it('a creation whose reply is lost leaves one new key, and no other', async () => {
    const before = (await live()).length;
    const { id } = await lane.ask<{ id: string }>('POST', '/faults', {
      vendor,
      method: 'POST',
      path: create,
      when: 'after',
      action: 'drop',
    });
    await lane.rotate(credential);
    expect(await lane.settled(credential)).toMatchObject({ outcome: 'completed' });
    const faults = await lane.ask<{ id: string; hits: number }[]>('GET', '/faults');
    expect(faults.find((f) => String(f.id) === String(id))?.hits).toBe(1);
    expect(await made()).toHaveLength(1);
    expect(await live()).toHaveLength(before);
    await expectNothingRefused();
  });

  it('a program that does not come back has everybody on the old key again, and the new one removed', async () => {
    const before = (await live()).map((k) => k.id).sort();
    await lane.apply((text) => text.replaceAll(/policy: \{ (every: 90d|soak: 1s)/g, 'policy: { confirm: 10s, $1'));
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
