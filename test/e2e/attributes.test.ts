/**
 * Keys that are changed and keep their secrets: at a portal that may undo a change, and at a store
 * where what is left out falls open.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApplyReport, RunReport } from '../../workflows/contract.js';
import {
  atAlgolia,
  atDocSpace,
  changesSent,
  endAll,
  expectNothingLost,
  exported,
  first,
  narrower,
  portal,
  rekey,
  search,
  set,
  useLane,
  wider,
} from '../support/changes.js';
import { Lane } from '../support/lane.js';
import { programsOf } from '../support/programs.js';

let lane: Lane;
beforeAll(async () => {
  lane = useLane(await Lane.start(['datadog', 'docspace', 'algolia']));
});
beforeEach(() => lane.fresh([exported, search, 'datadog/agents'], undefined, programsOf(exported)));
afterEach(endAll);
afterAll(() => lane?.stop());

const restricted = {
  indexes: ['products', 'products_*'],
  maxHitsPerQuery: 50,
  queryParameters: 'filters=visible%3Atrue&restrictSources=127.0.0.0%2F8',
  referers: ['https://shop.example.com/*'],
};

describe('a key of a portal', () => {
  it('is shown as it is, and named where it differs from what is declared', async () => {
    expect((await rekey('attributes', 'show', exported)).json).toMatchObject({
      key: { name: 'exports', state: 'live', rights: { permissions: first } },
      differences: [],
      widens: [],
    });
    const { id } = await atDocSpace();
    await portal('PUT', `/${id}`, { permissions: ['files:write'] });
    const plan = await rekey('plan', exported);
    expect(plan.json.key).toMatchObject({
      differences: [{ what: 'permissions', before: ['files:write'], after: first }],
      widens: ['it gets the scope rooms:read'],
    });
    expect(await changesSent()).toBe(0);
  });

  it('gets fewer rights, and again where an authentication wrote the old ones back, and keeps its secret', async () => {
    const before = await atDocSpace();
    await lane.ask('POST', '/vendors/docspace/races', { times: 1 });
    const done = await set(exported, '--permissions', narrower.join(','), '--name', 'exports of orders');
    expect(done).toMatchObject({ status: 0, json: { outcome: 'completed', strategy: 'update' } });
    expect(await atDocSpace()).toMatchObject({ id: before.id, name: 'exports of orders', permissions: narrower });
    expect(await changesSent()).toBe(2);
    await expectNothingLost('docspace');
    const { rows } = await lane.database.query(`select key_name, generation from versions where credential = $1`, [exported]);
    expect(rows).toEqual([{ key_name: 'exports of orders', generation: 1 }]);
  });

  it('gets more rights only when a person has said so, and is told what they are', async () => {
    const asked = await set(exported, '--permissions', wider.join(','));
    expect(asked.status).toBe(3);
    const rotation = (await lane.rotation(exported))!;
    expect(rotation.waits_for?.text).toBe('an approval (start): it gets the scope rooms:write');
    expect((await rekey('reject', rotation.id)).status).toBe(0);
    expect(await lane.settled(exported)).toMatchObject({ outcome: 'refused' });
    expect([await changesSent(), (await atDocSpace()).permissions]).toEqual([0, first]);

    expect((await set(exported, '--permissions', wider.join(','))).status).toBe(3);
    const { id, waits_for } = (await lane.rotation(exported))!;
    const approve = (wait: string) => rekey('approve', id, '--wait', wait);
    expect(await approve('first')).toMatchObject({ status: 2, json: { error: { code: 'KR_USAGE' } } });
    // The number of another wait lets nothing through.
    expect(await approve('99')).toMatchObject({ status: 1, json: { error: { code: 'KR_VERB_ILLEGAL' } } });
    expect((await approve(`${waits_for!.number}`)).status).toBe(0);
    await lane.until('it to end', async () => (await lane.rotation(exported))?.outcome === 'completed');
    expect((await atDocSpace()).permissions).toEqual(wider);
  });

  it('goes back to what it was, unless somebody else has changed it since', async () => {
    expect((await set(exported, '--permissions', narrower.join(','), '--name', 'other')).status).toBe(0);
    expect(await set(exported, '--undo')).toMatchObject({ status: 0, json: { outcome: 'completed' } });
    expect(await atDocSpace()).toMatchObject({ name: 'exports', permissions: first });

    const { id } = await atDocSpace();
    await portal('PUT', `/${id}`, { permissions: ['files:write'] });
    expect(await set(exported, '--undo')).toMatchObject({ status: 4, json: { outcome: 'refused' } });
    expect((await atDocSpace()).permissions).toEqual(['files:write']);
  });

  it('is not touched when what was asked for cannot be', async () => {
    for (const [args, why] of [
      [['--active', 'false'], 'consumers use the key'],
      [['--set', 'expiresInDays=30'], 'cannot be changed'],
      [['--undo'], 'no change of this key is on record'],
    ] as const) {
      const done = await set(exported, ...args);
      expect(done, args.join(' ')).toMatchObject({ status: 4, json: { outcome: 'refused' } });
      expect(done.json.reason).toContain(why);
    }
    expect((await set(exported, '--set', 'permission=[files:read]')).status).toBe(2);
    expect((await set('datadog/agents', '--name', 'x')).json.reason).toContain('cannot change a key');
    expect(await changesSent()).toBe(0);
  });

  it('is switched off only where nobody is declared to use it, and on again only with leave', async () => {
    await lane.apply((text) => text.replace(/( {2}docspace\/exports:[\s\S]*?)consumers:\n(?: {6}.*\n)+/, '$1consumers: none\n'));
    expect((await set(exported, '--active', 'false')).status).toBe(0);
    expect((await atDocSpace()).isActive).toBe(false);
    expect((await set(exported, '--active', 'true')).status).toBe(3);
    expect((await lane.rotation(exported))?.waits_for?.text).toContain('accepted again');
    await rekey('abort', (await lane.rotation(exported))!.id);
    await lane.settled(exported);
    expect((await set(exported, '--active', 'true', '--yes')).status).toBe(0);
    expect((await atDocSpace()).isActive).toBe(true);
  });
});

describe('a store where what is left out falls open', () => {
  it('keeps what is not said, and opens it only when that is asked for and permitted', async () => {
    expect((await set(search, '--set', 'maxHitsPerQuery=20')).status).toBe(0);
    expect(await atAlgolia()).toMatchObject({ ...restricted, maxHitsPerQuery: 20, acl: ['search'], description: 'storefront' });

    expect((await set(search, '--set', 'acl=[search]', '--reset-unspecified')).status).toBe(3);
    const rotation = (await lane.rotation(search))!;
    for (const told of ['indexes is dropped', 'referers is dropped', 'restrictSources', 'maxHitsPerQuery is dropped'])
      expect(rotation.waits_for?.text).toContain(told);
    expect(await atAlgolia()).toMatchObject({ ...restricted, maxHitsPerQuery: 20 });
    await rekey('approve', rotation.id);
    await lane.until('it to end', async () => (await lane.rotation(search))?.outcome === 'completed');
    expect(await atAlgolia()).toMatchObject({ indexes: [], referers: [], queryParameters: '', maxHitsPerQuery: 0 });

    expect(await set(search, '--undo')).toMatchObject({ status: 0 });
    expect(await atAlgolia()).toMatchObject({ ...restricted, maxHitsPerQuery: 20 });
  });

  it('asks before a key becomes eternal', async () => {
    expect((await set(search, '--set', 'validity=86400')).status).toBe(0);
    expect(Number((await atAlgolia()).validity)).toBeGreaterThan(80_000);
    expect((await set(search, '--set', 'validity=0')).status).toBe(3);
    expect((await lane.rotation(search))!.waits_for?.text).toContain('never expires');
    await rekey('reject', (await lane.rotation(search))!.id);
    await lane.settled(search);
  });
});

describe('attributes that are declared', () => {
  const declaring = (wanted: readonly string[]) => (text: string) =>
    text.replace(/(attributes: \{ permissions: )\[[^\]]*\]/, `$1${JSON.stringify(wanted)}`);
  const reported = ({ attributes }: ApplyReport) =>
    attributes.map(({ credential, widens, started }) => ({ credential, widens, started }));

  it('are made so when they are applied, and what opens something waits', async () => {
    expect((await lane.apply()).attributes).toEqual([]);
    const report = await lane.apply(declaring(narrower));
    expect(reported(report)).toEqual([{ credential: exported, widens: [], started: true }]);
    await lane.until('it to be so', async () => (await lane.rotation(exported))?.outcome === 'completed');
    expect((await atDocSpace()).permissions).toEqual(narrower);

    const wide = await lane.apply(declaring(wider));
    expect(reported(wide)).toEqual([{ credential: exported, widens: ['it gets the scope rooms:write'], started: true }]);
    await lane.until('the gate', async () => (await lane.rotation(exported))?.waits_for?.text.includes('rooms:write'));
    expect(reported(await lane.apply(declaring(wider)))).toMatchObject([{ started: false }]);
    expect((await atDocSpace()).permissions).toEqual(narrower);
    await rekey('reject', (await lane.rotation(exported))!.id);
  });

  it('are carried over by a rotation, name and tag apart', async () => {
    expect((await set(exported, '--permissions', narrower.join(','))).status).toBe(0);
    const old = await atDocSpace();
    const report = (await (await lane.rotate(exported)).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'completed', generation: 2 });
    const next = await atDocSpace();
    expect([next.permissions, next.id === old.id]).toEqual([narrower, false]);
    expect((await set(exported, '--undo')).json.reason).toContain('was rotated since');
    await expectNothingLost('docspace');
  });
});
