/**
 * What was seen has the time of before it was looked at, belongs to one attempt, and is folded; on
 * a real PostgreSQL.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import type { Look } from '../../activities/ports/observations.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import type { Opened, StepRef } from '../../workflows/domain/records.js';
import { isFresh } from '../../workflows/domain/revoke.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
const names = ['seen', 'late looks', 'given up', 'set back', 'late reading', 'quiet'];

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  await ledger.saveConfiguration(anOrder(), declaring(...names.map((name) => declared(name))), 'h1', tester);
});

const open = (credential: string): Promise<Opened> =>
  ledger.open({ credential, options: { without: [] }, by: tester, ...anOrder() });

function stepOf({ run, head }: Opened, key: string): StepRef {
  const { id, credential, fence } = run;
  return { run: id, credential, fence, head, key, kind: key.split('/')[0]!, phase: 'preparing', subject: null };
}

describe('what was seen', () => {
  const begin = (opened: Opened, ...consumers: readonly string[]): Promise<Look> =>
    ledger.beginLook(stepOf(opened, 'inspect'), 'inspection', consumers.length > 0 ? consumers : ['web-1']);

  const inspection = (state: Inspection['state']): Inspection => ({
    consumer: 'web-1',
    state,
    instances: [],
    source: null,
    showsSource: false,
    healthy: true,
    authenticationFailed: false,
    detail: '',
  });

  it('is one row as long as it stays the same, as old as the newest look is since it began', async () => {
    const opened = await open('seen');
    const { attempt, now } = await begin(opened);
    let lookedAt = now - 5_010;
    for (const state of ['running', 'running', 'stopped', 'running', 'running', 'running'] as const)
      await ledger.recordInspections(stepOf(opened, 'inspect'), attempt, [{ seen: inspection(state), lookedAt: lookedAt++ }]);
    const { rows } = await database.query<{ count: number; state: string }>(
      `select count, seen->>'state' as state from observations where run = $1 order by id`,
      [opened.run.id],
    );
    expect(rows).toEqual([
      { count: 2, state: 'running' },
      { count: 1, state: 'stopped' },
      { count: 3, state: 'running' },
    ]);
    const [seen] = await ledger.inspections(opened.run.id);
    expect(seen!.ageMs).toBeGreaterThanOrEqual(5_000);
  });

  it('of each consumer has the time of its own look, and an older look never takes the place of a newer one', async () => {
    const opened = await open('late looks');
    const step = stepOf(opened, 'inspect');
    const { attempt, now } = await begin(opened, 'web-1', 'web-2');
    const behind = { seen: inspection('failing'), lookedAt: now - 2_000 };
    const other = { seen: { ...inspection('running'), consumer: 'web-2' }, lookedAt: now - 9_000 };
    await ledger.recordInspections(step, attempt, [behind, other]);
    await ledger.recordInspections(step, attempt, [{ seen: inspection('running'), lookedAt: now - 4_000 }]);
    const [first, second] = await ledger.inspections(opened.run.id);
    expect([first!.state, second!.state]).toEqual(['failing', 'running']);
    expect(first!.ageMs).toBeLessThan(8_000);
    expect(second!.ageMs).toBeGreaterThanOrEqual(9_000);
  });

  it('by an attempt in whose place another has begun to look is not recorded any more', async () => {
    const opened = await open('given up');
    const step = stepOf(opened, 'inspect');
    const lost = await begin(opened);
    const next = await begin(opened);
    const record = ({ attempt, now }: Look, state: Inspection['state']) =>
      ledger.recordInspections(step, attempt, [{ seen: inspection(state), lookedAt: now }]);
    // The later attempt has nothing to show yet, and the lost one comes with a look that is dated
    // well.
    await expect(record({ ...lost, now: next.now + 10 }, 'running')).rejects.toMatchObject({ code: 'KR_ATTEMPT_LOST' });
    expect(await ledger.inspections(opened.run.id)).toEqual([]);
    await record(next, 'failing');
    await expect(record({ ...lost, now: next.now + 10 }, 'running')).rejects.toMatchObject({ code: 'KR_ATTEMPT_LOST' });
    expect((await ledger.inspections(opened.run.id)).map(({ state }) => state)).toEqual(['failing']);
    // A look at somebody else is no look at this one.
    await begin(opened, 'web-2');
    await record({ ...next, now: next.now + 1 }, 'stopped');
    expect((await ledger.inspections(opened.run.id)).map(({ state }) => state)).toEqual(['stopped']);
  });

  it('under a clock that was set back since is no obstacle to what is seen now', async () => {
    const opened = await open('set back');
    const { attempt, now } = await begin(opened);
    const record = (state: Inspection['state'], lookedAt: number) =>
      ledger.recordInspections(stepOf(opened, 'inspect'), attempt, [{ seen: inspection(state), lookedAt }]);
    await record('running', now + 3_600_000);
    expect(isFresh((await ledger.inspections(opened.run.id))[0]!.ageMs)).toBe(false);
    await record('failing', now);
    expect(await ledger.inspections(opened.run.id)).toMatchObject([{ state: 'failing' }]);
  });

  it('of last use by a late attempt changes nothing of the series', async () => {
    const opened = await open('late reading');
    const look = () => ledger.beginLook(stepOf(opened, 'drain/1'), 'last-used', ['late reading']);
    const lost = await look();
    const next = await look();
    const read = ({ attempt, now }: Look, seen: string) =>
      ledger.recordReading(stepOf(opened, 'drain/1'), attempt, { round: 1, seen, lookedAt: now, countsFrom: 0 });
    expect((await read(next, 'tuesday')).readings).toMatchObject([{ value: 'tuesday', lookedAt: next.now }]);
    await expect(read(lost, 'monday')).rejects.toMatchObject({ code: 'KR_ATTEMPT_LOST' });
  });

  it('of last use keeps the reading from which it counts apart from those before it', async () => {
    const opened = await open('quiet');
    const step = stepOf(opened, 'drain/1');
    const { attempt, now } = await ledger.beginLook(step, 'last-used', ['quiet']);
    const read = (lookedAt: number) =>
      ledger.recordReading(step, attempt, { round: 1, seen: 'monday', lookedAt, countsFrom: now - 500 });
    await read(now - 1_000);
    await read(now - 900);
    const { readings } = await read(now - 400);
    const folded = await read(now - 300);
    // The first look from which it counts is one reading, not two.
    expect([readings.length, folded.readings.length, new Set(folded.readings.map((r) => r.value)).size]).toEqual([3, 4, 1]);
    const [first, second] = folded.readings.slice(-2);
    expect([now - first!.lookedAt, now - second!.lookedAt].map(Math.round)).toEqual([400, 300]);
    expect(second!.seenBy).toBeGreaterThan(first!.seenBy);
  });
});
