/**
 * A store or a host that does not answer before the first change: asked again, and refused only in
 * the end.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lane } from '../support/lane.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['soar']);
});
afterAll(() => lane?.stop());

const credential = 'soar/enrichment';
const fault = (more: object) => lane.ask('POST', '/faults', { vendor: 'soar', method: 'GET', when: 'before', ...more });
const looks = { store: '/rest/session', host: '/apps' };
const ways = {
  'a 429': { action: 'status', status: 429 },
  'a 500': { action: 'status', status: 500 },
  silence: { action: 'hang' },
};

describe('before the first change', () => {
  it.each(
    Object.entries(looks).flatMap(([who, path]) =>
      Object.entries(ways).map(([what, how]) => [who, what, { path, ...how }] as const),
    ),
  )('a %s that answers once with %s is asked again', async (_, __, how) => {
    await lane.fresh([credential]);
    await fault({ ...how, times: 1 });
    await lane.rotate(credential);
    expect(await lane.settled(credential)).toMatchObject({ outcome: 'completed' });
    const faults = await lane.ask<{ hits: number }[]>('GET', '/faults');
    expect(faults.map(({ hits }) => hits)).toEqual([1]);
    await lane.ask('DELETE', '/faults');
  });

  it('one that is dead for good is waited for, for as long as the policy says, and then refuses the run', async () => {
    await lane.fresh([credential], (text) => text.replace('policy: {', 'policy: { confirm: 4s,'));
    await fault({ path: looks.host, action: 'status', status: 503, times: 10_000 });
    await lane.rotate(credential);
    const waits = await lane.until('it to say whom it waits for', async () => (await lane.rotation(credential))?.waits_for);
    expect(waits).toMatchObject({ kind: 'answer', person: false, nextCommands: ['abort'] });
    expect(await lane.settled(credential)).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('cannot be reached') as string,
    });
    await lane.ask('DELETE', '/faults');
    expect((await lane.database.query('select 1 from intents')).rowCount).toBe(0);
  });
});
