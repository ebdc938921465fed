/**
 * Leaked keys, end to end and under live traffic: `rekey incident open`, both ways, at every
 * vendor.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rekey } from '../support/command-line.js';
import { openOver } from '../support/incident.js';
import { Lane } from '../support/lane.js';
import { isIn } from '../support/moments.js';
import type { SandboxCredential } from '../support/programs.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog', 'docspace', 'soar', 'algolia', 'dnn']);
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

describe('a key of every vendor that has leaked', () => {
  const all = ['datadog/agents', 'docspace/exports', 'soar/enrichment', 'algolia/indexing', 'dnn/site-apps'] as const;
  const named = all.flatMap((credential) => ['--key', credential]);
  const overlap = all.filter((credential) => credential !== 'soar/enrichment');

  async function expectDone(said: Awaited<ReturnType<typeof open>>, old: Readonly<Record<string, string>>): Promise<void> {
    expect(said.status, said.text).toBe(0);
    const counts = { state: 'closed', selected: all.length, done: all.length, failed: 0, waiting: 0, alreadyDead: 0 };
    expect(said.json).toMatchObject({ incident: 'incident-1', ...counts });
    const time = { replacedAt: expect.any(String) as string, deadAt: expect.any(String) as string };
    expect(said.json.keys).toMatchObject(all.map(() => ({ outcome: 'done', ...time })));
    expect((said.json.timeToRevokedMs as { last: number }).last).toBeLessThan(120_000);
    for (const credential of overlap) {
      expect(await stateAt(vendorOf(credential), old[credential]!)).toBe('deleted');
      await expectAllOnOne(vendorOf(credential));
    }
  }
  const servedNow = async () => {
    const ids: Record<string, string> = {};
    for (const credential of all) ids[credential] = await served(credential);
    return ids;
  };

  it('is rotated with no refused request, although its window is closed and it has grace and gates', async () => {
    const slow = 'grace: 1h, window: "Sun 02:00-02:01 UTC", approve: [start, take-away]';
    await lane.fresh(all, (text) => text.replace('grace: 2s', slow));
    const old = await servedNow();
    await expectDone(await open(...named, '--rotate'), old);
    const rows = (await lane.traffic()).map((row) => [row.app, row.refused, row.failedLogins, row.lost]);
    expect(rows).toEqual(rows.map(([app]) => [app, 0, 0, 0]));
  });

  it('is contained: dead before anybody has another, and nobody is refused any more who has one', async () => {
    await lane.fresh(all);
    const old = await servedNow();
    await expectDone(await open(...named, '--contain'), old);
    const { rows } = await lane.database.query<{ credential: string; first: boolean }>(
      `select r.credential, bool_and(dead.closed_at < handed.begun_at) as first
       from intents dead join intents handed on handed.run = dead.run join runs r on r.id = dead.run
       where dead.kind = 'contain' and dead.step not like '%-for-good' and handed.kind = 'distribute' group by 1 order by 1`,
    );
    expect(rows).toEqual([...overlap].sort().map((credential) => ({ credential, first: true })));
    const before = await lane.traffic();
    await lane.until('more traffic', async () =>
      (await lane.traffic()).every(({ accepted }, at) => accepted > before[at]!.accepted),
    );
    expect((await lane.traffic()).map(({ app, refused }) => [app, refused])).toEqual(
      before.map(({ app, refused }) => [app, refused]),
    );
    const soar = before.filter(({ vendor }) => vendor === 'soar').map((row) => [row.app, row.failedLogins, row.lost]);
    expect(soar).toEqual(soar.map(([app]) => [app, 0, 0]));
  });
});

describe('an incident', () => {
  it('gets a number of its own where several are opened at the same moment', async () => {
    const credentials = ['datadog/agents', 'docspace/exports', 'algolia/indexing'] as const;
    await lane.fresh(credentials);
    const opened = await Promise.all(credentials.map((credential) => openOver(lane, 'rotate', [credential])));
    await Promise.all(opened.map(({ handle }) => handle.result()));
    const { rows } = await lane.database.query<{ incident: string; credential: string; outcome: string }>(
      'select incident, credential, outcome from incident_items order by incident',
    );
    expect(rows.map(({ incident }) => incident)).toEqual(['incident-1', 'incident-2', 'incident-3']);
    const ofEach = opened.map(({ id }, at) => ({ incident: id, credential: credentials[at], outcome: 'done' }));
    expect(ofEach.sort((a, b) => a.incident.localeCompare(b.incident))).toEqual(rows);
  });
});

describe('a leaked key', () => {
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

  it('lives on behind a stop that turns back what may still turn, and names what may not', async () => {
    await lane.fresh(['datadog/agents', 'docspace/exports']);
    const stop = (number: number) =>
      rekey(lane, ['incident', 'stop', `${number}`, '--abort', '--reason', 'the wrong keys', '--json']);
    // One program is handed another key and does not come back; the other store is away.
    await lane.ask('POST', '/apps/legacy/refuse-start', { on: true });
    await lane.ask('POST', '/faults', {
      vendor: 'docspace',
      path: '.',
      when: 'before',
      action: 'status',
      status: 503,
      times: 10_000,
    });
    const named = ['--key', 'datadog/agents', '--key', 'docspace/exports'];
    await rekey(lane, ['incident', 'open', ...named, '--rotate', '--reason', 'a test', '--yes', '--json']);
    await lane.until('a hand-out', async () => {
      const { rowCount } = await lane.database.query(
        `select 1 from intents where kind = 'distribute' and run = 'datadog/agents#2'`,
      );
      return rowCount !== 0;
    });
    await isIn(lane, 'docspace/exports', 'preparing');
    const said = await stop(1);
    expect(said.json).toMatchObject({
      state: 'stopped',
      turned: [
        { run: 'datadog/agents#2', whyNot: expect.stringContaining('only go forward') as string },
        { run: 'docspace/exports#2', whyNot: null },
      ],
    });
    await lane.ask('DELETE', '/faults');
    await lane.ask('POST', '/apps/legacy/refuse-start', { on: false });
    expect(await lane.settled('docspace/exports')).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('incident-1 was stopped: the wrong keys') as string,
    });
    // What may not turn back is taken over by the next one.
    const next = await open('--key', 'datadog/agents#1', '--rotate');
    expect(next.status, next.text).toBe(0);
    const { rows } = await lane.database.query(`select id, outcome from runs order by id`);
    expect(rows).toEqual([
      { id: 'datadog/agents#2', outcome: 'completed' },
      { id: 'docspace/exports#2', outcome: 'refused' },
    ]);
  });

  it('is only planned where nobody confirms, and nothing is chosen where the way is not said', async () => {
    await lane.fresh(['datadog/agents']);
    const planned = await rekey(lane, ['incident', 'open', '--store', 'datadog', '--contain', '--reason', 'a test', '--json']);
    expect(planned.status, planned.text).toBe(3);
    expect(planned.json.keys).toMatchObject([{ credential: 'datadog/agents', cannot: null }]);
    const times = { firstDeadWithin: expect.any(Number) as number, refusedFor: expect.any(Number) as number };
    expect(planned.json.stores).toMatchObject([{ store: 'datadog', keys: (await lane.keys('datadog')).length, ...times }]);
    const without = await rekey(lane, ['incident', 'open', '--store', 'datadog', '--reason', 'a test', '--yes', '--json']);
    expect(without.status).toBe(2);
    expect((await lane.database.query('select 1 from incidents')).rowCount).toBe(0);
  });
});
