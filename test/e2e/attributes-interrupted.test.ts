/** A change of a key that something gets in the way of: it is made, or the key is as it was. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../../workflows/contract.js';
import {
  atDocSpace,
  begin,
  endAll,
  exported,
  first,
  narrower,
  permissions,
  plant,
  portal,
  set,
  useLane,
  wider,
} from '../support/changes.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';
import { copyLedger, setBackLedger } from '../support/set-back.js';

let lane: Lane;
beforeAll(async () => {
  lane = useLane(await Lane.start(['docspace']));
});
beforeEach(() => lane.fresh([exported]));
afterEach(endAll);
afterAll(() => lane?.stop());

describe('a change that is interrupted', () => {
  it.each([
    ['whose worker dies before it is sent', { when: 'before', action: 'kill-worker' }],
    ['whose worker dies after it was sent', { when: 'after', action: 'kill-worker' }],
    ['whose reply is lost', { when: 'after', action: 'drop' }],
  ])('%s, is made', async (_, fault) => {
    const alive = lane.keepWorkerAlive();
    await plant(fault);
    const report = (await (await begin(permissions(narrower))).result()) as RunReport;
    alive();
    expect(report).toMatchObject({ outcome: 'completed', generation: 1 });
    expect((await atDocSpace()).permissions).toEqual(narrower);
    expect(await set(exported, '--undo', '--yes')).toMatchObject({ status: 0 });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('that is refused has changed nothing', async () => {
    await plant({ action: 'status', status: 400, bodyText: '{"status":1,"statusCode":400,"error":{"message":"no"}}' });
    const report = (await (await begin(permissions(narrower))).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'refused' });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('that is aborted while it is on the way is put back, although it lands late', async () => {
    const { id } = (await plant({ when: 'before', action: 'hold' })) as { id: string };
    const running = await begin(permissions(narrower));
    await lane.until('the change', async () =>
      (await lane.ask<{ id: string; hits: number }[]>('GET', '/faults')).some((f) => f.id === id && f.hits > 0),
    );
    await say(lane, exported, 'abort');
    await lane.until('the way back', async () => (await lane.rotation(exported))?.direction === 'back');
    await lane.ask('POST', `/faults/${id}/release`);
    expect((await running.result()) as RunReport).toMatchObject({ outcome: 'compensated' });
    expect((await atDocSpace()).permissions).toEqual(first);
  });

  it('of a key that somebody else changed meanwhile is not sent', async () => {
    const running = await begin(permissions(wider));
    await lane.settled(exported);
    const { id } = await atDocSpace();
    await portal('PUT', `/${id}`, { permissions: ['files:write'] });
    await say(lane, exported, 'approve');
    expect((await running.result()) as RunReport).toMatchObject({
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
      async () => (await lane.database.query(`select 1 from steps where key = 'update/1' and outcome is not null`)).rowCount,
    );
  const noticed = async () =>
    (await lane.database.query(`select 1 from audit_events where kind = 'ledger-behind'`)).rowCount !== 0;

  it('goes on, and still knows how the key was', async () => {
    await copyLedger(lane.database);
    const running = await begin(permissions(narrower));
    await sent();
    await setBackLedger(lane.database);
    expect((await running.result()) as RunReport).toMatchObject({ outcome: 'completed' });
    expect(await noticed()).toBe(true);
    expect(await set(exported, '--undo')).toMatchObject({ status: 0 });
    expect((await atDocSpace()).permissions).toEqual(first);
  });
});
