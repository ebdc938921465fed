/**
 * Leaked keys, end to end and under live traffic: `rekey incident open`, both ways, at stores that
 * delete, disable and change a key in place.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rekey } from '../support/command-line.js';
import { Lane } from '../support/lane.js';
import { isIn } from '../support/moments.js';
import type { SandboxCredential } from '../support/programs.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog', 'docspace', 'soar']);
});
afterAll(() => lane?.stop());

const open = (...args: readonly string[]) =>
  rekey(lane, ['incident', 'open', ...args, '--reason', 'a test', '--yes', '--wait', '--json']);
const vendorOf = (credential: string) => credential.split('/')[0]!;

/** The key that is served, as the vendor has it. */
async function served(credential: SandboxCredential): Promise<string> {
  const { rows } = await lane.database.query<{ key_id: string }>(
    `select key_id from versions where credential = $1 and state = 'active'`,
    [credential],
  );
  return rows[0]!.key_id;
}
const stateAt = async (vendor: string, id: string) => (await lane.keys(vendor)).find((key) => key.id === id)?.state;
const traffic = async (vendor: string) => (await lane.traffic()).filter((row) => row.vendor === vendor);

async function expectAllOnOne(vendor: string): Promise<void> {
  await lane.until('everybody to be on one key', async () => {
    const rows = await traffic(vendor);
    return rows.every((row) => row.fingerprint !== null) && new Set(rows.map((row) => row.fingerprint)).size === 1;
  });
}

describe('a leaked key', () => {
  it('that is rotated is dead within seconds, with no refused request, although its window is closed and it has grace', async () => {
    const slow = (text: string) =>
      text.replace('grace: 2s', 'grace: 1h, window: "Sun 02:00-02:01 UTC", approve: [start, take-away]');
    await lane.fresh(['datadog/agents'], slow);
    const old = await served('datadog/agents');
    const said = await open('--key', 'datadog/agents', '--rotate');
    expect(said.status, said.text).toBe(0);
    expect(said.json).toMatchObject({ incident: 'incident-1', state: 'closed', selected: 1, done: 1, failed: 0, waiting: 0 });
    expect(said.json.keys).toMatchObject([{ credential: 'datadog/agents', generation: 1, outcome: 'done' }]);
    expect((said.json.timeToRevokedMs as { last: number }).last).toBeLessThan(60_000);
    expect(await stateAt('datadog', old)).toBe('deleted');
    expect((await traffic('datadog')).map((row) => [row.app, row.refused, row.lost])).toEqual(
      (await traffic('datadog')).map(({ app }) => [app, 0, 0]),
    );
    await expectAllOnOne('datadog');
  });

  it('that is contained is dead before anybody has another, and all have one soon', async () => {
    await lane.fresh(['datadog/agents', 'docspace/exports']);
    for (const [number, credential] of (['datadog/agents', 'docspace/exports'] as const).entries()) {
      const old = await served(credential);
      const said = await open('--key', credential, '--contain');
      expect(said.status, said.text).toBe(0);
      expect(said.json).toMatchObject({ incident: `incident-${number + 1}`, state: 'closed', done: 1 });
      const { rows } = await lane.database.query<{ first: boolean }>(
        `select dead.closed_at < handed.begun_at as first from intents dead join intents handed on handed.run = dead.run
         where dead.kind = 'contain' and dead.step not like '%-for-good' and handed.kind = 'distribute' and dead.run like $1`,
        [`${credential}#%`],
      );
      expect([rows.length > 0, rows.every(({ first }) => first)]).toEqual([true, true]);
      expect(await stateAt(vendorOf(credential), old)).toBe('deleted');
      await expectAllOnOne(vendorOf(credential));
      const before = await traffic(vendorOf(credential));
      await lane.until('more traffic', async () =>
        (await traffic(vendorOf(credential))).every(({ accepted }, at) => accepted > before[at]!.accepted),
      );
      // Nobody is refused any more.
      expect((await traffic(vendorOf(credential))).map(({ refused }) => refused)).toEqual(before.map(({ refused }) => refused));
    }
  });

  it('that is changed in place has no program log in with it once it is dead', async () => {
    await lane.fresh(['soar/enrichment']);
    const said = await open('--key', 'soar/enrichment', '--contain');
    expect(said.status, said.text).toBe(0);
    expect(said.json.keys).toMatchObject([{ outcome: 'done', deadAt: expect.any(String) as string }]);
    const rows = (await traffic('soar')).map((row) => [row.app, row.failedLogins, row.lost]);
    expect(rows).toEqual(rows.map(([app]) => [app, 0, 0]));
  });

  it('of a rotation that is open is answered for by that one', async () => {
    const drains = (text: string) => text.replace('grace: 2s', 'grace: 1h');
    await lane.fresh(['datadog/agents'], drains);
    await lane.rotate('datadog/agents');
    await isIn(lane, 'datadog/agents', 'draining');
    const said = await open('--key', 'datadog/agents#1', '--rotate');
    expect(said.status, said.text).toBe(0);
    const { rows } = await lane.database.query<{ id: string }>('select id from runs');
    expect(rows.map(({ id }) => id)).toEqual(['datadog/agents#2']);
    expect((await traffic('datadog')).map(({ refused }) => refused)).toEqual((await traffic('datadog')).map(() => 0));
  });

  it('is only planned where nobody confirms, and nothing is chosen where the way is not said', async () => {
    await lane.fresh(['datadog/agents']);
    const planned = await rekey(lane, ['incident', 'open', '--store', 'datadog', '--contain', '--reason', 'a test', '--json']);
    expect(planned.status, planned.text).toBe(3);
    expect(planned.json.keys).toMatchObject([{ credential: 'datadog/agents', cannot: null }]);
    const without = await rekey(lane, ['incident', 'open', '--store', 'datadog', '--reason', 'a test', '--yes', '--json']);
    expect(without.status).toBe(2);
    expect((await lane.database.query('select 1 from incidents')).rowCount).toBe(0);
  });
});
