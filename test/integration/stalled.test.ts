/**
 * An open run gets on, waits for something that has a deadline, or is reported: once, and until it
 * gets on.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import type { Opened, StepRef, Wait } from '../../workflows/domain/records.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
const names = ['silent', 'asks', 'machine', 'late', 'works'];

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  await ledger.saveConfiguration(anOrder(), declaring(...names.map((name) => declared(name))), 'h1', tester);
});

const open = (credential: string): Promise<Opened> =>
  ledger.open({ credential, options: { without: [] }, by: tester, ...anOrder() });

function stepOf({ run, head }: Opened, key: string): StepRef {
  const { id, credential, fence } = run;
  return { run: id, credential, fence, head, key, kind: key.split('/')[0]!, phase: 'draining', subject: null };
}

const wait = (deadlineInMs: number | null, person = false): Wait => ({
  kind: 'quiet',
  step: 'drain/1',
  text: 'generation 1 to be quiet',
  person,
  deadline: deadlineInMs === null ? null : new Date(Date.now() + deadlineInMs).toISOString(),
  nextCommands: [],
});

/** Everything that the run has done so far was done so long ago. */
async function age(run: string, minutes: number): Promise<void> {
  const columns = {
    runs: ['id', 'opened_at'],
    steps: ['run', 'began_at', 'ended_at'],
    intents: ['run', 'begun_at', 'closed_at'],
    waits: ['run', 'since', 'ended_at'],
    verbs: ['run', 'accepted_at'],
    observations: ['run', 'last_at'],
  };
  for (const [table, [key, ...times]] of Object.entries(columns)) {
    const aged = times.map((time) => `${time} = ${time} - $2 * interval '1 minute'`).join(', ');
    await database.query(`update ${table} set ${aged} where ${key} = $1`, [run, minutes]);
  }
}

const reports = async (credential: string) =>
  (
    await database.query(`select body->>'phase' as phase from audit_events where credential = $1 and kind = 'stalled'`, [
      credential,
    ])
  ).rows;
const shown = async (run: string) =>
  (await database.query<{ waits_for: Wait | null }>('select waits_for from run_status where id = $1', [run])).rows[0]!.waits_for;

describe('the sweep', () => {
  it('reports a run that does not get on, once for each time, and shows it as what needs a person', async () => {
    const opened = await open('silent');
    const { id } = opened.run;
    await ledger.sweep();
    expect(await reports('silent')).toEqual([]);
    await age(id, 2);
    const orders = await ledger.sweep();
    await ledger.sweep();
    expect(orders).toContainEqual({ credential: 'silent', sequence: 'overlap', options: { without: [] } });
    expect(await reports('silent')).toEqual([{ phase: 'planned' }]);
    expect(await shown(id)).toMatchObject({
      kind: 'stalled',
      person: true,
      text: expect.stringContaining('a person to look') as string,
    });
    const { rows } = await database.query(
      `select 1 from outbox o join audit_events e using (credential, position) where e.credential = 'silent' and e.kind = 'stalled'`,
    );
    expect(rows.length).toBe(1);

    await ledger.once(stepOf(opened, 'plan'), { deadline: 400, settle: 0, waitForSettle: false }, async () => ({}));
    expect(await shown(id)).toBeNull();
    await age(id, 3);
    await ledger.sweep();
    expect((await reports('silent')).length).toBe(2);
  });

  it('is content where a person was told, where a deadline is ahead, and where somebody looks', async () => {
    const [asks, machine, works] = [await open('asks'), await open('machine'), await open('works')];
    await ledger.openWait(stepOf(asks, 'drain/1'), wait(null, true));
    await ledger.openWait(stepOf(machine, 'drain/1'), wait(3_600_000));
    for (const { run } of [asks, machine, works]) await age(run.id, 90);
    const look = await ledger.beginLook(stepOf(works, 'drain/1'), 'last-used', ['works']);
    const reading = { round: 1, seen: 'x', lookedAt: look.now, countsFrom: 0 };
    await ledger.recordReading(stepOf(works, 'drain/1'), look.attempt, reading);
    await ledger.sweep();
    expect([await reports('asks'), await reports('machine'), await reports('works')]).toEqual([[], [], []]);
    expect(await shown(machine.run.id)).toMatchObject({ kind: 'quiet' });
  });

  it('reports a wait whose deadline has passed with nothing done about it', async () => {
    const late = await open('late');
    await ledger.openWait(stepOf(late, 'drain/1'), wait(-90_000));
    await age(late.run.id, 2);
    await ledger.sweep();
    expect((await reports('late')).length).toBe(1);
  });
});
