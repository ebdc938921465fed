/** What the planner begins, on a real PostgreSQL, when many keys are due at once. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { createLedgerSteps } from '../../activities/steps/ledger.js';
import type { Opened } from '../../workflows/domain/records.js';
import { schedule, type Who } from '../../workflows/domain/who.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
const names = Array.from({ length: 300 }, (_, index) => `c${index}`);

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  const limits = { open: 12, openPerStore: 10, startsPerMinute: 8 };
  await ledger.saveConfiguration(anOrder(), { ...declaring(...names.map((name) => declared(name))), limits }, 'h1', tester);
  // The first of them for the longest time.
  await database.query(
    `update credentials set next_due = clock_timestamp() - interval '1 day' + substr(name, 2)::int * interval '1 minute'`,
  );
});

const planned = async () => (await createLedgerSteps({ ledger }).dueRotations()).map(({ credential }) => credential);
const open = (credential: string, by: Who): Promise<Opened> =>
  ledger.open({ credential, options: { without: [] }, by, ...anOrder() });

describe('of many that are due', () => {
  it('begin, minute by minute, those that are overdue the longest', async () => {
    expect(await planned()).toEqual(names.slice(0, 8));
    for (const name of names.slice(0, 8)) await open(name, schedule);
    expect(await planned()).toEqual([]);
    await database.query(`update runs set opened_at = opened_at - interval '1 minute'`);
    // Two places are left at the store, although four are in all.
    expect(await planned()).toEqual(names.slice(8, 10));
  });

  it('begin more where those that are open wait for a person, and none where no more may be open', async () => {
    await database.query(
      `insert into waits (run, number, kind, text, person, next_commands)
       select id, 1, 'operator', 'a person', true, '[]' from runs where outcome is null`,
    );
    expect(await planned()).toEqual(names.slice(8, 12));
    for (const name of names.slice(8, 12)) await open(name, tester);
    expect(await planned()).toEqual([]);
  });
});
