/**
 * What a run stands on is not changed under it, and an effect begins only while all that was waited
 * for holds: on a real PostgreSQL, in the transactions that decide.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import type { OnceOptions } from '../../activities/ports/journal.js';
import type { Ledger } from '../../activities/ports/ledger.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { createLedgerSteps } from '../../activities/steps/ledger.js';
import type { Configuration } from '../../workflows/domain/configuration.js';
import type { Leave } from '../../workflows/domain/leave.js';
import { defaultLimits } from '../../workflows/domain/planner.js';
import type { Opened, SaidVerb, StepRef } from '../../workflows/domain/records.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import { cloneDatabase } from '../support/database.js';
import { declared } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;

const list = [{ name: 'web', host: 'disk', settings: {} }];
const consumers = { kind: 'list', list } as const;
const { policy } = declared('plain');
/** It is open at no time at which a test runs; each hour is closed for some of these days. */
const closed = () => `${['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(new Date().getUTCDay() + 3) % 7]} 02:00-03:00 UTC`;
const credentials = [
  declared('standing', { consumers }),
  declared('paused', { consumers }),
  declared('closed', { consumers, policy: { ...policy, window: closed() } }),
  declared('gated', { consumers, policy: { ...policy, approve: ['start'] } }),
  ...['replanned', 'amended', 'handed', 'stopped', 'raced'].map((name) => declared(name, { consumers })),
];
const configuration: Configuration = {
  stores: { dd: { kind: 'datadog', settings: { site: 'eu', management: { apiKey: 'env:A' } } } },
  hosts: { disk: { kind: 'file', settings: { identity: 'here' } }, idle: { kind: 'file', settings: {} } },
  credentials: Object.fromEntries(credentials.map((c) => [c.name, c])),
  limits: defaultLimits,
};

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  await ledger.saveConfiguration(anOrder(), configuration, 'h1', tester);
});

const open = (credential: string): Promise<Opened> =>
  ledger.open({ credential, options: { without: [] }, by: tester, ...anOrder() });

function stepOf({ run, head }: Opened, key: string): StepRef {
  const { id, credential, fence } = run;
  return { run: id, credential, fence, head, key, kind: key.split('/')[0]!, phase: 'undeploying', subject: null };
}

const said = (verb: Verb, wait: number | null = null): SaidVerb => ({
  updateId: verb,
  verb,
  who: tester,
  wait,
  reason: 'a test',
  consumer: null,
});

describe('a configuration', () => {
  const applied = (change: (next: Configuration) => Configuration) =>
    ledger.saveConfiguration(anOrder(), change(configuration), Math.random().toString(36), tester).then(
      () => 'applied',
      ({ code, detail }: { code: string; detail: string }) => `${code}: ${detail}`,
    );
  const disk = configuration.hosts.disk!;
  const dd = configuration.stores.dd!;

  it('is refused where an open run stands on what it changes, naming the run, the part, and what differs', async () => {
    const { run } = await open('standing');
    expect(run.standsOn).toEqual({ stores: configuration.stores, hosts: { disk } });
    const elsewhere = { ...disk, settings: { identity: 'elsewhere' } };
    expect(await applied((c) => ({ ...c, hosts: { ...c.hosts, disk: elsewhere } }))).toBe(
      'KR_SPEC_FROZEN: standing#1 is open and stands on it: hosts.disk would be changed (identity)',
    );
    expect(await applied((c) => ({ ...c, hosts: {} }))).toMatch('hosts.disk would be removed');
    expect(await applied((c) => ({ ...c, stores: { dd: { ...dd, kind: 'dnn' } } }))).toMatch('stores.dd would be changed (kind)');
    const { standing: _, ...others } = configuration.credentials;
    expect(await applied((c) => ({ ...c, credentials: others }))).toMatch('credentials.standing would be removed');
    expect((await ledger.configuration())?.hash).toBe('h1');
  });

  it('may change what no run stands on, and where a management credential is found: the run is told', async () => {
    const rotated = { ...dd, settings: { ...dd.settings, management: { apiKey: 'env:B' } } };
    expect(await applied((c) => ({ ...c, stores: { dd: rotated }, hosts: { disk } }))).toBe('applied');
    expect((await ledger.run('standing#1')).standsOn).toEqual({ stores: { dd: rotated }, hosts: { disk } });
  });
});

describe('a consumer that is amended', () => {
  const right = { name: 'web', host: 'disk', settings: { apply: 'systemctl restart web' } };
  const amend = async (opened: Opened, amended = right, updateId = 'amend') =>
    (await ledger.recordVerb(stepOf(opened, 'verb'), { ...said('amend'), updateId, consumer: amended.name, amended })).whyNone;
  const identities = { store: 'account', hosts: { disk: 'here' } };
  const plan = (opened: Opened) =>
    createLedgerSteps({ ledger }).freezePlan({ step: stepOf(opened, 'plan'), targets: list, identities });

  it('is another plan: what was approved before counts no more, what is asked now ends, and the corrected file can be applied', async () => {
    const opened = await open('amended');
    const { result } = await plan(opened);
    const wait = { kind: 'approval', gate: 'start', text: 'x', person: true, deadline: null, nextCommands: [] } as const;
    await ledger.openWait(stepOf(opened, 'wait'), { ...wait, step: 'approve/start/1' });
    expect(await amend(opened)).toBeNull();
    const run = await ledger.run(opened.run.id);
    expect([run.targets, run.spec.consumers]).toEqual([[right], { kind: 'list', list: [right] }]);
    expect(run.planHash).not.toBe(result.planHash);
    expect(await ledger.openWait(stepOf(opened, 'wait'), { ...wait, step: 'approve/start/1' })).toMatchObject({ number: 2 });
    const { rows } = await database.query('select consumer, amended, effect from verbs where run = $1', [run.id]);
    expect(rows).toEqual([{ consumer: 'web', amended: right, effect: 'applied' }]);
    const again = { ...said('amend'), updateId: 'amend', consumer: 'web', amended: right };
    expect(await ledger.recordVerb(stepOf(opened, 'verb'), again)).toMatchObject({ whyNone: null, ends: [1] });
    const corrected = { ...configuration.credentials.amended!, consumers: { kind: 'list', list: [right] } } as const;
    const next = { ...configuration, credentials: { ...configuration.credentials, amended: corrected } };
    expect(await ledger.saveConfiguration(anOrder(), next, 'corrected', tester)).toEqual({ changed: true });
    await expect(ledger.saveConfiguration(anOrder(), configuration, 'back', tester)).rejects.toMatchObject({
      code: 'KR_SPEC_FROZEN',
    });
  });

  it.each([
    'distribute',
    'undeploy',
  ])('is refused from the first intent to %s on, and by an attempt that comes later', async (kind) => {
    const opened = await open(kind === 'distribute' ? 'handed' : 'stopped');
    const { result } = await plan(opened);
    const step = { ...stepOf(opened, `${kind}/1/web`), subject: 'web' };
    const lost = { deadline: 1_000, settle: 0, waitForSettle: false, planHash: result.planHash };
    await expect(ledger.once(step, lost, () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(await amend(opened)).toMatch(/^web was handed something or stopped already/);
    expect((await ledger.run(opened.run.id)).planHash).toBe(result.planHash);
  });

  it('is not sent what an attempt has read before', async () => {
    const opened = await open('raced');
    const { result } = await plan(opened);
    const { planHash } = result;
    expect(await amend(opened)).toBeNull();
    const step = { ...stepOf(opened, 'distribute/1/web'), subject: 'web' };
    const late = ledger.once(step, { deadline: 1_000, settle: 0, waitForSettle: false, planHash }, async () => ({}));
    await expect(late).rejects.toMatchObject({ code: 'KR_ATTEMPT_LOST', retryable: true });
    expect(await ledger.deliveredTo(opened.run.id)).toEqual([]);
  });
});

const together: Leave = { gate: 'start', window: true, together: true };

describe('an effect that is to begin', () => {
  const send = (step: StepRef, options: Partial<OnceOptions>) => {
    const whole = { deadline: 1_000, settle: 0, waitForSettle: false, ...options };
    return ledger
      .once(step, whole, async () => ({ sent: true }))
      .then(
        () => 'sent',
        ({ code, detail }: { code: string; detail: string }) => `${code} ${detail}`,
      );
  };
  const intents = async (run: string) => (await database.query('select 1 from intents where run = $1', [run])).rowCount;

  it('does not while the run is paused, and has left no intent', async () => {
    const opened = await open('paused');
    await ledger.recordVerb(stepOf(opened, 'verb'), said('pause'));
    expect(await send(stepOf(opened, 'undeploy/1/web'), { leave: together })).toMatch(/^KR_NOT_NOW paused/);
    expect(await intents(opened.run.id)).toBe(0);
    await ledger.recordVerb(stepOf(opened, 'verb'), said('resume'));
    expect(await send(stepOf(opened, 'undeploy/1/web'), { leave: together })).toBe('sent');
  });

  it('does not outside the window, by the clock of the database; once a first one was begun, the others follow', async () => {
    const opened = await open('closed');
    expect(await send(stepOf(opened, 'undeploy/1/web'), { leave: together })).toMatch(/^KR_NOT_NOW outside-window/);
    expect(await intents(opened.run.id)).toBe(0);
    expect(await send(stepOf(opened, 'undeploy/1/web'), {})).toBe('sent');
    expect(await send(stepOf(opened, 'undeploy/1/cron'), { leave: together })).toBe('sent');
    expect(await send(stepOf(opened, 'mint'), { leave: { gate: 'start', window: true } })).toMatch(/^KR_NOT_NOW/);
  });

  it('that may have been sent is repeated, whatever holds by now', async () => {
    const opened = await open('closed');
    const step = stepOf(opened, 'revoke/1');
    const lost = ledger.once(step, { deadline: 1_000, settle: 0, waitForSettle: false }, () => Promise.reject(new Error('lost')));
    await expect(lost).rejects.toThrow('lost');
    expect(await send(step, { leave: { gate: 'take-away', asked: true, window: true } })).toBe('sent');
  });

  it('needs the approval of the very plan that it was begun under', async () => {
    const opened = await open('gated');
    const wait = { kind: 'approval', gate: 'start', text: 'x', person: true, deadline: null, nextCommands: [] } as const;
    const { number } = await ledger.openWait(stepOf(opened, 'wait'), { ...wait, step: 'approve/start/1' });
    expect(await send(stepOf(opened, 'mint'), { leave: { gate: 'start' } })).toMatch(/^KR_NOT_NOW not-approved/);
    await ledger.recordVerb(stepOf(opened, 'verb'), said('approve', number));
    await database.query(`update runs set plan_hash = 'another' where id = $1`, [opened.run.id]);
    expect(await send(stepOf(opened, 'mint'), { leave: { gate: 'start' } })).toMatch(/^KR_NOT_NOW not-approved/);
    await database.query('update runs set plan_hash = null where id = $1', [opened.run.id]);
    expect(await send(stepOf(opened, 'mint'), { leave: { gate: 'start' } })).toBe('sent');
  });

  it('begins anew where the plan that it has read is another one by now', async () => {
    const opened = await open('replanned');
    expect(await send(stepOf(opened, 'distribute/1/web'), { planHash: 'old' })).toMatch(/^KR_ATTEMPT_LOST/);
    expect(await send(stepOf(opened, 'distribute/1/web'), { planHash: null })).toBe('sent');
  });

  it('asks no person while it may not begin', async () => {
    const opened = await open('closed');
    await expect(ledger.ask(stepOf(opened, 'mint'), null, { gate: 'start', window: true })).rejects.toMatchObject({
      code: 'KR_NOT_NOW',
    });
    expect(await ledger.openAsks(opened.run.id)).toEqual([]);
  });
});
