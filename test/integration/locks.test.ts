/** What transactions lock, and in which order, on a real PostgreSQL. */

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Change } from '../../activities/ports/journal.js';
import type { Ledger } from '../../activities/ports/ledger.js';
import { Secret } from '../../activities/ports/secret.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import { lockOrder } from '../../activities/postgres/locks.js';
import { type Database, openDatabase, type Queryable } from '../../activities/postgres/pool.js';
import { sealedSecrets } from '../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../activities/vault/vault.js';
import type { Opened, SaidVerb, StepRef, Wait } from '../../workflows/domain/records.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let url: string;
let database: Database;
let vault: EnvelopeVault;

const configuration = declaring(...['a', 'b', 'c', 'd', 'e'].map((name) => declared(name)));
const quick = { deadline: 5_000, settle: 0, waitForSettle: false } as const;

beforeAll(async () => {
  ({ url, database } = await cloneDatabase());
  vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder(inject('servers').keys, 'vault'));
  await (await openLedger(database)).saveConfiguration(anOrder(), configuration, 'h1', tester);
});

/** Hears of every statement of every transaction, before and after it. */
function heard(
  hear: { before?: (sql: string) => Promise<void>; after?: (client: Queryable) => Promise<void>; begin?: () => void },
  real = database,
): Database {
  return {
    ...real,
    transaction: (work) =>
      real.transaction(async (client) => {
        hear.begin?.();
        const query = async (sql: string, values?: unknown[]) => {
          await hear.before?.(sql);
          const result = await client.query(sql, values);
          await hear.after?.(client);
          return result;
        };
        return work({ query } as unknown as Queryable);
      }),
  };
}

const open = (ledger: Ledger, credential: string, workflowRun = 'run-1'): Promise<Opened> =>
  ledger.open({ credential, options: { without: [] }, by: tester, ...anOrder(workflowRun) });

function stepOf({ run, head }: Opened, key: string): StepRef {
  const { id, credential, fence } = run;
  return { run: id, credential, fence, head, key, kind: key.split('/')[0]!, phase: 'preparing', subject: null };
}

/** The tables in which the transaction of this connection holds locks of rows, or has written. */
async function lockedBy(client: Queryable): Promise<readonly string[]> {
  const { rows } = await client.query(
    `select distinct c.relname as name from pg_locks l join pg_class c on c.oid = l.relation
     where l.pid = pg_backend_pid() and c.relkind = 'r' and c.relname not like 'pg_%' and l.mode in ('RowShareLock', 'RowExclusiveLock')`,
  );
  return rows.map(({ name }: { name: string }) => name);
}

const rankOf = (table: string): number => {
  const rank = lockOrder.findIndex((line) => line.includes(table));
  if (rank < 0) throw new Error(`${table} has no place in the order of locks`);
  return rank;
};

/** What only reads, and is no transaction. */
const reads: readonly (keyof Ledger)[] = [
  ...([
    'id',
    'run',
    'versions',
    'due',
    'underway',
    'openRuns',
    'recorded',
    'isAsked',
    'openAsks',
    'tagFamily',
    'tags',
    'seenBefore',
  ] as const),
  ...(['mayHaveSent', 'deliveredTo', 'undeployed', 'lastUpdate', 'unsettled', 'now', 'inspections'] as const),
  ...([
    'configurationHash',
    'configuration',
    'credential',
    'openIncidents',
    'incidentRound',
    'incidentState',
    'versionsToEnd',
    'leftDown',
  ] as const),
];
/** One statement on one row, or in the order of the rows' names. */
const single: readonly (keyof Ledger)[] = ['raiseLease', 'releaseLease', 'releaseLeases'];

const seal = async () => {
  const secret = new Secret(`${Math.random()}`.padEnd(40, 'abcdefghijklmnopqrstuvwxyz0123456789abcdef'));
  return { secret: await vault.seal(secret), fingerprint: secret.fingerprint, digest: secret.digest };
};

const adding = async (generation: number, keyId: string): Promise<Change> => ({
  ...({ kind: 'add-version', generation, state: 'prepared', account: 'org', origin: 'minted' } as const),
  ...{ keyId, keyName: keyId },
  ...(await seal()),
});

async function playAll(ledger: Ledger): Promise<void> {
  const handedIn = await vault.keep(new Secret('abcdefghijklmnopqrstuvwxyz0123456789'));
  const key = { account: 'org', keyId: 'k1', keyName: 'k1' };
  await ledger.adopt('a', { ...key, ...(await seal()), handedIn }, tester);
  const opened = await open(ledger, 'a');
  const step = (name: string) => stepOf(opened, name);
  const wait: Wait = { kind: 'operator', text: 'a person', person: true, deadline: null, nextCommands: ['retry'] };
  const said = (verb: SaidVerb['verb']): SaidVerb => ({
    ...{ updateId: verb, verb, who: tester, wait: null, reason: 'a test', consumer: null },
  });
  await ledger.enter(step('look'));
  await ledger.openWait(step('wait'), wait);
  for (const verb of ['pause', 'resume', 'exempt', 'retry', 'provide'] as const)
    await ledger.recordVerb(step('verb'), said(verb));
  await ledger.recordEffect(opened.run.id, 'provide', null);
  await ledger.once(step('mint/1'), quick, async (attempt) => {
    attempt.stage({ kind: 'move-version', generation: 1, event: 'supersede' });
    attempt.stage(await adding(2, 'k2'));
    attempt.stage({ kind: 'rename-version', generation: 2, keyName: 'other' });
    attempt.stage({ kind: 'freeze-targets', targets: [], planHash: 'p' });
    attempt.stage({ kind: 'freeze-identities', identities: { store: 'org', hosts: {} } });
    attempt.stage({ kind: 'cutover' });
    attempt.stage({ kind: 'replaced' });
    attempt.stage({ kind: 'dead', generation: 1 });
    attempt.stage({ kind: 'late', generation: 1, consumers: ['web-1'] });
    attempt.stage({ kind: 'meet-hosts', hosts: { host: 'machine' } });
    return {};
  });
  const refuse = () => ledger.once(step('revoke/1'), quick, (attempt) => Promise.reject(void attempt.markUnsent('this')));
  await refuse().catch(() => undefined);
  for (const [name, answer] of [['enable/1', true] as const, ['disable/1', false] as const]) {
    const asked = await ledger.ask(step(name), null);
    const changes = [
      await adding(2, 'k2'),
      { kind: 'discard-secret', ref: await vault.keep(new Secret('x'.repeat(40))) } as const,
    ];
    if (answer && !asked.done) await ledger.answered(step(name), asked.attempt, {}, changes);
    else await ledger.declined(step(name));
  }
  await ledger.lease(step('lease'), 'host/web-1');
  const look = await ledger.beginLook(step('inspect'), 'inspection', ['web-1']);
  const seen = { consumer: 'web-1' } as never;
  await ledger.recordInspections(step('inspect'), look.attempt, [{ seen, lookedAt: look.now }]);
  const reading = await ledger.beginLook(step('drain'), 'last-used', ['a']);
  const read = { round: 1, seen: null, lookedAt: reading.now, countsFrom: 0 };
  await ledger.recordReading(step('drain'), reading.attempt, read);
  await ledger.beginRound(step('round'), 2, 'a test');
  const again = await open(ledger, 'a', 'run-2');
  const { run, head } = await ledger.reconcile({
    ...{
      run: again.run,
      fence: again.run.fence,
      head: again.head,
      targets: null,
      identities: null,
      back: null,
      workflowRun: 'run-2',
    },
  });
  const turned = await ledger.turnBack(stepOf({ ...again, run, head }, 'turn-back'), 'a test');
  const back = stepOf({ ...again, run: { ...run, fence: run.fence + 1 }, head: turned }, 'close');
  await ledger.close(back, 'compensated', null, null);
  await database.query(`update versions set state = 'revoked', changed_at = '2020-01-01' where credential = 'a'`);
  const leaked = { credential: 'a', generation: 1, leakedAt: null, reportedAt: null };
  const plan = { way: 'rotate', reason: 'a test', revokeWithin: null, selection: [], keys: [leaked] } as const;
  const found = { unknownValues: 0, notComparable: 0 };
  const { incident } = await ledger.openIncident({ ...anOrder(), number: 1, plan: { ...plan, found }, by: tester });
  const urgent = await open(ledger, 'a', 'run-3');
  await ledger.tellRun(incident, 'a');
  await ledger.haltIncident({ incident, to: 'paused', by: tester, reason: null });
  const held = ledger.once(stepOf(urgent, 'mint'), { ...quick, leave: { gate: 'start' } }, async () => ({}));
  await held.catch(() => undefined);
  await ledger.settleIncident(incident, [{ ...leaked, outcome: 'done', reason: null, run: opened.run.id }]);
  // One that does not get on is reported with it.
  await open(ledger, 'e');
  await ledger.report('e', 'a test');
  await database.query(`update runs set opened_at = opened_at - interval '2 minutes' where credential = 'e'`);
  await ledger.sweep();
  await ledger.saveConfiguration(anOrder(), { ...configuration, stores: { ...configuration.stores } }, 'h2', tester);
}

async function playVault(watched: EnvelopeVault): Promise<void> {
  const ref = await watched.keep(new Secret('y'.repeat(40)));
  await watched.rewrap((await sealedSecrets(database).find(ref))!.masterKey);
  await watched.roundTrip();
  await watched.discard(ref);
}

describe('every transaction', () => {
  it('takes its locks in the one order: the credential first, then what stands under it', async () => {
    const wrong: string[] = [];
    const seen = new Set<string>();
    const played = new Set<string>();
    let method = '';
    const held: string[] = [];
    const listening = heard({
      begin: () => void held.splice(0),
      after: async (client) => {
        const added = (await lockedBy(client)).filter((table) => !held.includes(table));
        for (const table of added) {
          const later = held.filter((before) => rankOf(before) > rankOf(table));
          if (later.length > 0) wrong.push(`${method}: ${table} after ${later.join(', ')}`);
          seen.add(table);
        }
        held.push(...added);
      },
    });
    const ledger = await openLedger(listening);
    const named = Object.fromEntries(
      Object.entries(ledger).map(([name, call]) => [
        name,
        typeof call !== 'function'
          ? call
          : (...given: never[]) => {
              method = name;
              played.add(name);
              return (call as (...all: never[]) => unknown)(...given);
            },
      ]),
    );
    await playAll(named as unknown as Ledger);
    await playVault(new EnvelopeVault(sealedSecrets(listening), new KeyFolder(inject('servers').keys, 'vault')));
    expect(wrong).toEqual([]);
    expect(Object.keys(ledger).filter((name) => !played.has(name) && ![...reads, ...single].includes(name as never))).toEqual([]);
    expect([...seen].sort()).toEqual(lockOrder.flat().sort());
  });
});

describe('two sessions at one credential', () => {
  it('wait for each other, where an outcome is committed while another run takes over', async () => {
    const second = openDatabase(url, null);
    const ledger = await openLedger(database);
    const step = stepOf(await open(ledger, 'b'), 'mint/1');
    let taking: Promise<unknown> | null = null;
    const first = await openLedger(
      heard({
        // The run is locked by now, and the event of the outcome is still to come.
        before: async (sql) => {
          if (taking || !sql.startsWith('update steps set outcome')) return;
          taking = openLedger(second).then((other) => open(other, 'b', 'run-2'));
          const waits = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
          while ((await database.query(waits)).rowCount === 0) await sleep(10);
        },
      }),
    );
    const done = first.once(step, quick, async () => ({ ok: true }));
    expect((await done).result).toEqual({ ok: true });
    expect(await taking).toMatchObject({ run: { fence: 2 } });
    await second.end();
  });
});
