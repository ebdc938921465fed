/** Keys that are changed and keep their secrets: at a portal that may undo a change, and at a store where what is left out falls open. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import type { ApplyReport, RotationReport } from '../../workflows/contract.js';
import type { KeyChange } from '../../workflows/domain/credential.js';
import { Lane } from '../support/lane.js';
import { copyLedger, setBackLedger } from '../support/set-back.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(21, ['datadog', 'docspace', 'algolia', 'dnn']);
});
beforeEach(() => lane.fresh());
// A case that failed must not spoil the next one.
afterEach(async () => {
  for (const credential of [exported, search])
    await lane.client.workflow
      .getHandle(`rotation/${credential}`)
      .terminate('the case is over')
      .catch(() => undefined);
});
afterAll(() => lane?.stop());

const exported = 'docspace/exports';
const search = 'algolia/search';
const first = ['files:read', 'files:write', 'rooms:read'];
const narrower = ['files:write', 'rooms:read'];
const wider = [...first, 'rooms:write'];
const restricted = {
  indexes: ['products', 'products_*'],
  maxHitsPerQuery: 50,
  queryParameters: 'filters=visible%3Atrue&restrictSources=127.0.0.0%2F8',
  referers: ['https://shop.example.com/*'],
};

interface Said {
  readonly status: number | null;
  readonly json: { [key: string]: unknown };
}

async function rekey(...args: string[]): Promise<Said> {
  const { temporal, keys } = inject('servers');
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../dist/client/main.js'), ...args, '--json'], {
    env: {
      ...process.env,
      DATABASE_URL: lane.databaseUrl,
      TEMPORAL_ADDRESS: temporal,
      TEMPORAL_NAMESPACE: lane.namespace,
      REKEY_KEYS: keys,
      REKEY_HOME: lane.folder,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, json: JSON.parse(text) as Said['json'] };
}

const set = (name: string, ...args: string[]) => rekey('attributes', 'set', name, ...args);

/** As the vendor shows it, asked by ourselves and not by rekey. */
async function atDocSpace(): Promise<{ id: string; permissions?: string[]; name: string; isActive: boolean }> {
  const keys = await portal<{ id: string; name: string; isActive: boolean }[]>('GET', '');
  const served = await servedId(exported);
  return keys.find(({ id }) => id === served)!;
}

async function portal<Answer>(method: string, below: string, body?: object): Promise<Answer> {
  const management = (await lane.keys('docspace')).find(({ name }) => name === 'rekey management')!;
  const answer = await fetch(`${configured('docspace', 'url')}/api/2.0/keys${below}`, {
    method,
    headers: { authorization: `Bearer ${management.value}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return ((await answer.json()) as { response: Answer }).response;
}

async function atAlgolia(): Promise<{ [field: string]: unknown }> {
  const known = await lane.keys('algolia');
  const admin = known.find(({ name }) => name.startsWith('Admin API Key'))!.value;
  const headers = { 'x-algolia-application-id': configured('algolia', 'appId'), 'x-algolia-api-key': admin };
  const answer = await fetch(`${configured('algolia', 'url')}/1/keys`, { headers });
  const { keys } = (await answer.json()) as { keys: { value: string }[] };
  const served = await servedId(search);
  return keys.find(({ value }) => value === known.find(({ id }) => id === served)!.value)!;
}

function configured(store: string, entry: string): string {
  const { stores } = parse(readFileSync(lane.config, 'utf8')) as { stores: { [store: string]: { [entry: string]: string } } };
  return stores[store]![entry]!;
}

async function servedId(credential: string): Promise<string> {
  const { rows } = await lane.database.query<{ key_id: string }>(
    `select key_id from versions where credential = $1 and state = 'active'`,
    [credential],
  );
  return rows[0]!.key_id;
}

async function changesSent(): Promise<number> {
  const asked = await lane.ask<{ method: string; from: string }[]>('GET', '/requests?vendor=docspace');
  return asked.filter(({ method, from }) => method === 'PUT' && from === 'rekey').length;
}

async function begin(change: KeyChange, accepted = false) {
  return lane.client.workflow.start('updateKey', {
    workflowId: `rotation/${exported}`,
    taskQueue: 'rekey',
    workflowTaskTimeout: '2s',
    args: [{ credential: exported, options: { without: [], update: { change, accepted } }, by: 'test' }],
  });
}

const permissions = (wanted: readonly string[]): KeyChange => ({
  kind: 'set',
  name: null,
  active: null,
  attributes: { permissions: [...wanted] },
  resetUnspecified: false,
});

const plant = (fault: object) =>
  lane.ask('POST', '/faults', { vendor: 'docspace', method: 'PUT', path: '/api/2.0/keys/', ...fault });

async function expectNothingLost(vendor: string): Promise<void> {
  const traffic = (await lane.traffic()).filter((row) => row.vendor === vendor);
  expect(traffic.map(({ app, refused, lost }) => [app, refused, lost])).toEqual(traffic.map(({ app }) => [app, 0, 0]));
}

describe('a key of a portal', () => {
  it('is shown as it is, and named where it differs from what is declared', async () => {
    expect((await rekey('attributes', 'show', exported)).json).toMatchObject({
      key: { name: 'exports', state: 'live', rights: { permissions: first } },
      differences: [],
      opens: [],
    });
    const { id } = await atDocSpace();
    await portal('PUT', `/${id}`, { permissions: ['files:write'] });
    const plan = await rekey('plan', exported);
    expect(plan.json.key).toMatchObject({
      differences: [{ what: 'permissions', before: ['files:write'], after: first }],
      opens: ['it gets the scope rooms:read'],
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
    expect((await rekey('approve', (await lane.rotation(exported))!.id)).status).toBe(0);
    await lane.until('it to end', 20_000, async () => (await lane.rotation(exported))?.outcome === 'completed');
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

describe('a change that is interrupted', () => {
  it.each([
    ['whose worker dies before it is sent', { when: 'before', action: 'kill-worker' }],
    ['whose worker dies after it was sent', { when: 'after', action: 'kill-worker' }],
    ['whose reply is lost', { when: 'after', action: 'drop' }],
  ])('%s, is made', async (_, fault) => {
    const alive = lane.keepWorkerAlive();
    await plant(fault);
    const report = (await (await begin(permissions(narrower))).result()) as RotationReport;
    alive();
    expect(report).toMatchObject({ outcome: 'completed', generation: 2 });
    expect((await atDocSpace()).permissions).toEqual(narrower);
    expect(await set(exported, '--undo', '--yes')).toMatchObject({ status: 0 });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('that is refused has changed nothing', async () => {
    await plant({ action: 'status', status: 400, bodyText: '{"status":1,"statusCode":400,"error":{"message":"no"}}' });
    const report = (await (await begin(permissions(narrower))).result()) as RotationReport;
    expect(report).toMatchObject({ outcome: 'refused' });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('that is aborted while it is on the way is put back, although it lands late', async () => {
    const { id } = (await plant({ when: 'before', action: 'hold' })) as { id: string };
    const running = await begin(permissions(narrower));
    await lane.until('the change', 20_000, async () =>
      (await lane.ask<{ id: string; hits: number }[]>('GET', '/faults')).some((f) => f.id === id && f.hits > 0),
    );
    await running.executeUpdate('abort', { args: [{ by: 'test', expectedPhase: null, reason: 'a test', consumer: null }] });
    await lane.until('the way back', 20_000, async () => (await lane.rotation(exported))?.direction === 'back');
    await lane.ask('POST', `/faults/${id}/release`);
    expect((await running.result()) as RotationReport).toMatchObject({ outcome: 'compensated' });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('and lost at its gate is asked for again by the sweep', async () => {
    const running = await begin(permissions(wider));
    await lane.settled(exported);
    await running.terminate('it is lost');
    await lane.client.schedule.getHandle('rekey-sweep').trigger();
    const again = await lane.until('another run', 30_000, async () => {
      const { status, runId } = await lane.client.workflow.getHandle(`rotation/${exported}`).describe();
      return status.name === 'RUNNING' && runId;
    });
    await lane.until('the gate', 20_000, async () => (await lane.rotation(exported))?.waits_for?.person);
    const handle = lane.client.workflow.getHandle(`rotation/${exported}`, again);
    const approval = { by: 'test', expectedPhase: null, reason: null, consumer: null };
    await lane.until('its approval', 20_000, () =>
      handle.executeUpdate('approve', { args: [approval] }).then(
        () => true,
        () => false,
      ),
    );
    expect((await handle.result()) as RotationReport).toMatchObject({ outcome: 'completed', generation: 2 });
    expect((await atDocSpace()).permissions).toEqual(wider);
  });

  it('that the portal never keeps is put back', async () => {
    await lane.ask('POST', '/vendors/docspace/races', { times: 3 });
    const report = (await (await begin(permissions(narrower))).result()) as RotationReport;
    expect(report).toMatchObject({ outcome: 'compensated', reason: expect.stringContaining('KR_NOT_HELD') as string });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('of a key that somebody else changed meanwhile is not sent', async () => {
    const running = await begin(permissions(wider));
    await lane.settled(exported);
    const { id } = await atDocSpace();
    await portal('PUT', `/${id}`, { permissions: ['files:write'] });
    await running.executeUpdate('approve', { args: [{ by: 'test', expectedPhase: null, reason: null, consumer: null }] });
    expect((await running.result()) as RotationReport).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('KR_KEY_CHANGED') as string,
    });
    expect((await atDocSpace()).permissions).toEqual(['files:write']);
  });
});

describe('a change behind a ledger that has lost all of it', () => {
  const sent = () =>
    lane.until(
      'the change',
      20_000,
      async () => (await lane.database.query(`select 1 from steps where key = 'update/1' and outcome is not null`)).rowCount,
    );
  const noticed = async () =>
    (await lane.database.query(`select 1 from audit_events where kind = 'ledger-behind'`)).rowCount !== 0;

  it('goes on, and still knows how the key was', async () => {
    await copyLedger(lane.database);
    const running = await begin(permissions(narrower));
    await sent();
    await setBackLedger(lane.database);
    expect((await running.result()) as RotationReport).toMatchObject({ outcome: 'completed' });
    expect(await noticed()).toBe(true);
    expect(await set(exported, '--undo')).toMatchObject({ status: 0 });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('still goes back', async () => {
    await copyLedger(lane.database);
    const running = await begin(permissions(narrower));
    await sent();
    const { id } = (await plant({ action: 'hold' })) as { id: string };
    await running.executeUpdate('abort', { args: [{ by: 'test', expectedPhase: null, reason: 'a test', consumer: null }] });
    await lane.until('the way back', 20_000, async () => (await lane.rotation(exported))?.direction === 'back');
    await setBackLedger(lane.database);
    await lane.ask('POST', `/faults/${id}/release`);
    expect((await running.result()) as RotationReport).toMatchObject({ outcome: 'compensated' });
    expect(await noticed()).toBe(true);
    expect((await atDocSpace()).permissions).toEqual(first);
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
    await lane.until('it to end', 40_000, async () => (await lane.rotation(search))?.outcome === 'completed');
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
    attributes.map(({ credential, opens, started }) => ({ credential, opens, started }));

  it('are made so when they are applied, and what opens something waits', async () => {
    expect((await lane.apply()).attributes).toEqual([]);
    const report = await lane.apply(declaring(narrower));
    expect(reported(report)).toEqual([{ credential: exported, opens: [], started: true }]);
    await lane.until('it to be so', 20_000, async () => (await lane.rotation(exported))?.outcome === 'completed');
    expect((await atDocSpace()).permissions).toEqual(narrower);

    const wide = await lane.apply(declaring(wider));
    expect(reported(wide)).toEqual([{ credential: exported, opens: ['it gets the scope rooms:write'], started: true }]);
    await lane.until('the gate', 20_000, async () => (await lane.rotation(exported))?.waits_for?.text.includes('rooms:write'));
    expect(reported(await lane.apply(declaring(wider)))).toMatchObject([{ started: false }]);
    expect((await atDocSpace()).permissions).toEqual(narrower);
    await rekey('reject', (await lane.rotation(exported))!.id);
  });

  it('are carried over by a rotation, name and tag apart', async () => {
    expect((await set(exported, '--permissions', narrower.join(','))).status).toBe(0);
    const old = await atDocSpace();
    const report = (await (await lane.rotate(exported)).result()) as RotationReport;
    expect(report).toMatchObject({ outcome: 'completed', generation: 3 });
    const next = await atDocSpace();
    expect([next.permissions, next.id === old.id]).toEqual([narrower, false]);
    expect((await set(exported, '--undo')).json.reason).toContain('was rotated since');
    await expectNothingLost('docspace');
  });
});
