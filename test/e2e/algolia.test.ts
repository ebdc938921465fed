/**
 * Rotations at a store whose key is its own id: live traffic, keys that were made from the key,
 * hosts that go away, and a way back through a restore.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../../workflows/contract.js';
import { type KeyShown, Lane } from '../support/lane.js';
import { say } from '../support/moments.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['algolia']);
});
beforeEach(() => lane.fresh(['algolia/search', 'algolia/indexing']));
afterAll(() => lane?.stop());

const keys = () => lane.keys('algolia');
const live = async () => (await keys()).filter(({ state }) => state === 'live');
const stranger = ({ name }: KeyShown) => !/^(storefront|indexer)\b/.test(name);

async function expectNothingRefused(...apps: string[]): Promise<void> {
  const traffic = (await lane.traffic()).filter(({ app }) => apps.includes(app));
  expect(traffic.map(({ app, refused, lost }) => [app, refused, lost])).toEqual(apps.map((app) => [app, 0, 0]));
  expect(traffic.every(({ accepted }) => accepted > 0)).toBe(true);
  expect(new Set(traffic.map(({ fingerprint }) => fingerprint)).size).toBe(1);
}

describe('a search key from which others are made', () => {
  it('is replaced without a refused request, although the reply to its making was lost', async () => {
    const before = await live();
    await lane.ask('POST', '/faults', { vendor: 'algolia', method: 'POST', path: '^/1/keys$', when: 'after', action: 'drop' });
    const report = (await (await lane.rotate('algolia/search')).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'completed', generation: 2 });

    await expectNothingRefused('storefront', 'tokens');
    const after = await live();
    expect(after.filter(stranger)).toHaveLength(before.filter(stranger).length);
    expect(after.filter(({ name }) => name.startsWith('storefront')).map(({ name }) => name)).toEqual([
      expect.stringMatching(/^storefront rekey-/),
    ]);
    const { rows } = await lane.database.query<{ key_id: string }>(
      `select key_id from versions where credential = 'algolia/search' and state = 'active'`,
    );
    expect(rows).toEqual([{ key_id: after.find(({ name }) => name.startsWith('storefront'))!.id }]);
  });

  it('waits for a host that does not answer, while its users go on to the next, and takes nothing away meanwhile', async () => {
    const old = (await live()).find(({ name }) => name === 'storefront')!;
    const running = await lane.rotate('algolia/search');
    await lane.until('a key to be made', async () => (await live()).some(({ name }) => name.startsWith('storefront rekey-')));
    await lane.ask('POST', '/vendors/algolia/hosts', { host: 'dsn', away: true });
    const sent = async () => (await lane.traffic()).find(({ app }) => app === 'storefront')!.sent;
    const until = (await sent()) + 60;
    await lane.until('requests to go on', async () => (await sent()) > until);
    expect((await live()).some(({ id }) => id === old.id)).toBe(true);
    expect(await lane.rotation('algolia/search')).toMatchObject({ phase: 'preparing', outcome: null });
    await lane.ask('POST', '/vendors/algolia/hosts', { host: 'dsn', away: false });
    expect(((await running.result()) as RunReport).outcome).toBe('completed');
    await expectNothingRefused('storefront', 'tokens');
  });
});

describe('an indexing key, which may not even read itself', () => {
  it('is replaced by a restart of its one program', async () => {
    const report = (await (await lane.rotate('algolia/indexing')).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'completed', generation: 2 });
    await expectNothingRefused('indexer');
  });

  it('comes back from its deletion as it was, when a rotation is aborted while it is watched', async () => {
    await lane.apply((text) => text.replace('attributes: { name: indexer }', '$&\n    policy: { grace: 0s, soak: 30s }'));
    const old = (await live()).find(({ name }) => name === 'indexer')!;
    const running = await lane.rotate('algolia/indexing');
    await lane.until('it to be disabled', async () => !(await live()).some(({ id }) => id === old.id));
    await say(lane, 'algolia/indexing', 'abort');
    expect(((await running.result()) as RunReport).outcome).toBe('compensated');
    expect((await live()).filter(({ name }) => name.startsWith('indexer')).map(({ id }) => id)).toEqual([old.id]);
    await expectNothingRefused('indexer');
  });
});
