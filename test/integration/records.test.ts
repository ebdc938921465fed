/** What the ledger keeps of runs: waits and verbs, marks and events, on a real PostgreSQL. */
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import { Secret } from '../../activities/ports/secret.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { sealedSecrets } from '../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../activities/vault/vault.js';
import type { OnlyIf, Opened, OpenedWait, SaidVerb, StepRef, Wait } from '../../workflows/domain/records.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import { schedule } from '../../workflows/domain/who.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
let vault: EnvelopeVault;
const names = [
  ...['gate', 'lost', 'crossed', 'late', 'ids', 'seen', 'quiet', 'leaked', 'said', 'handed', 'away', 'held', 'bound', 'turned'],
];
const quick = { deadline: 400, settle: 0, waitForSettle: false } as const;

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder(inject('servers').keys, 'vault'));
  await ledger.saveConfiguration(anOrder(), declaring(...names.map((name) => declared(name))), 'h1', tester);
});

const open = (credential: string, workflowRun = 'run-1', only: { readonly onlyIf?: OnlyIf } = {}): Promise<Opened> =>
  ledger.open({ credential, options: { without: [] }, by: tester, ...anOrder(workflowRun), ...only });

function stepOf({ run, head }: Opened, key = 'wait'): StepRef {
  const { id, credential, fence } = run;
  return { run: id, credential, fence, head, key, kind: key.split('/')[0]!, phase: 'preparing', subject: null };
}

const gate = (step = 'approve/start/1'): Wait => ({
  kind: 'approval',
  gate: 'start',
  step,
  text: 'an approval (start)',
  person: true,
  deadline: null,
  nextCommands: ['approve'],
});

const said = (verb: Verb, { wait = null, updateId = verb }: { wait?: number | null; updateId?: string } = {}): SaidVerb => ({
  updateId,
  verb,
  who: tester,
  wait,
  reason: 'a test',
  consumer: null,
});

const verbsOf = async (run: string) =>
  (await database.query('select verb, wait, effect, why_none from verbs where run = $1 order by accepted_at', [run])).rows;

describe('a wait', () => {
  it('is one, however often it is told; its approval stands for whoever takes the run over, and for no other wait', async () => {
    const first = await open('gate');
    const waits: OpenedWait[] = [];
    for (const step of ['approve/start/1', 'approve/start/1', 'approve/start/2'])
      waits.push(await ledger.openWait(stepOf(first), gate(step)));
    expect(waits.map(({ number, approved }) => [number, approved])).toEqual([
      [1, false],
      [1, false],
      [2, false],
    ]);
    const { rows } = await database.query(`select 1 from audit_events where credential = 'gate' and kind = 'wait'`);
    expect(rows.length).toBe(2);
    expect((await ledger.recordVerb(stepOf(first), said('approve', { wait: 1 }))).whyNone).toBeNull();

    const next = await open('gate', 'run-2');
    expect(await ledger.openWait(stepOf(next), gate('approve/start/1'))).toMatchObject({ number: 1, approved: true });
    expect(await ledger.openWait(stepOf(next), gate('approve/start/2'))).toMatchObject({ number: 2, approved: false });
    const again = await ledger.recordVerb(stepOf(next), said('approve', { wait: 1, updateId: 'second' }));
    expect(again.whyNone).toBe('that wait was answered before, or is over');
    expect(await verbsOf(first.run.id)).toEqual([
      { verb: 'approve', wait: 1, effect: 'applied', why_none: null },
      { verb: 'approve', wait: null, effect: 'none', why_none: again.whyNone },
    ]);
  });

  it('is asked anew when the plan that was approved is another one', async () => {
    const opened = await open('late');
    const { number } = await ledger.openWait(stepOf(opened), gate());
    await ledger.recordVerb(stepOf(opened), said('approve', { wait: number }));
    await database.query('update runs set plan_hash = $2 where id = $1', [opened.run.id, 'another']);
    expect(await ledger.openWait(stepOf(opened), gate())).toMatchObject({ number: number + 1, approved: false });
    await ledger.close(stepOf(opened, 'close'), 'refused', null, null);
    expect((await database.query('select ended from waits where run = $1 order by number', [opened.run.id])).rows).toEqual([
      { ended: 'approve' },
      { ended: 'over' },
    ]);
  });
});

describe('a verb', () => {
  it('that was recorded and lost with its workflow is told to the next one, until it is obeyed', async () => {
    const first = await open('lost');
    await ledger.recordVerb(stepOf(first), said('abort'));
    const next = await open('lost', 'run-2');
    expect([first.turnBack, next.turnBack]).toEqual([null, 'aborted by test: a test']);
    await ledger.turnBack(stepOf(next, 'turn-back'), next.turnBack!);
    expect((await open('lost', 'run-3')).turnBack).toBeNull();
    expect(await verbsOf(next.run.id)).toEqual([{ verb: 'abort', wait: null, effect: 'applied', why_none: null }]);
  });

  it('that turned a run back in a task that was lost is found by the workflow that holds the run, and by no other', async () => {
    const first = await open('turned');
    await ledger.recordVerb(stepOf(first), said('abort'));
    await ledger.turnBack(stepOf(first, 'turn-back'), 'aborted by test: a test');
    await expect(ledger.enter(stepOf(first))).rejects.toMatchObject({ code: 'KR_FENCED' });
    const held = await open('turned', 'run-1', { onlyIf: 'held' });
    expect(held).toMatchObject({ run: { direction: 'back', fence: first.run.fence + 1 }, said: ['abort'] });
    expect(await ledger.recordVerb(stepOf(held), said('abort'))).toMatchObject({ whyNone: null, saidBefore: true });
    const other = { onlyIf: 'held' } as const;
    await expect(open('turned', 'run-2', other)).rejects.toMatchObject({ code: 'KR_FENCED' });
    await ledger.close(stepOf(held, 'close'), 'compensated', null, null);
    await expect(open('turned', 'run-1', other)).rejects.toMatchObject({ code: 'KR_FENCED' });
  });

  it('that says no at a gate ends that gate, and at an effect what a person was asked for, whatever else is open', async () => {
    const opened = await open('said');
    const asked: Wait = { ...gate('revoke/1'), kind: 'manual', gate: undefined };
    const { number } = await ledger.openWait(stepOf(opened), gate());
    await ledger.openWait(stepOf(opened), asked);
    const endings = async () =>
      (await database.query('select kind, ended from waits where run = $1 order by number', [opened.run.id])).rows;
    await ledger.recordVerb(stepOf(opened), said('reject', { wait: number }));
    expect(await endings()).toEqual([
      { kind: 'approval', ended: 'reject' },
      { kind: 'manual', ended: null },
    ]);
    await ledger.recordVerb(stepOf(opened), said('reject', { updateId: 'declined' }));
    expect((await endings())[1]).toEqual({ kind: 'manual', ended: 'reject' });
    // What a person has declined has its effect once the step is told so.
    await ledger.declined(stepOf(opened, 'revoke/1'));
    expect((await verbsOf(opened.run.id)).map(({ effect }) => effect)).toEqual([null, 'applied']);
  });

  it('that hands something in has its effect once that was looked at, and none where the workflow is lost before', async () => {
    const opened = await open('handed');
    const { attempt } = (await ledger.ask(stepOf(opened, 'mint'), null)) as { attempt: string };
    const asked = { ...gate('mint'), kind: 'manual', gate: undefined } as const;
    const provide = async (updateId: string) => {
      const { number } = await ledger.openWait(stepOf(opened), asked);
      return ledger.recordVerb(stepOf(opened), { ...said('retry', { updateId, wait: number }), verb: 'provide' });
    };
    await provide('refused');
    expect((await provide('meanwhile')).whyNone).toBe('another answer to it is being looked at');
    await ledger.recordEffect(opened.run.id, 'refused', 'it is not accepted');
    await provide('taken');
    await ledger.answered(stepOf(opened, 'mint'), attempt, {}, []);
    const next = { ...asked, step: 'revoke/1' } as const;
    const { number } = await ledger.openWait(stepOf(opened), next);
    await ledger.recordVerb(stepOf(opened), { ...said('retry', { updateId: 'lost', wait: number }), verb: 'provide' });
    await open('handed', 'run-2');
    expect((await verbsOf(opened.run.id)).map(({ effect, why_none }) => [effect, why_none])).toEqual([
      ['none', 'it is not accepted'],
      ['none', 'another answer to it is being looked at'],
      ['applied', null],
      ['none', 'its workflow was lost before it could look: say it again'],
    ]);
  });

  it('that answers a step which failed ends that wait alone, and asked again it says the same', async () => {
    const opened = await open('held');
    const hold: Wait = { kind: 'operator', text: 'a person', person: true, deadline: null, nextCommands: ['retry'] };
    const first = await ledger.openWait(stepOf(opened), hold);
    const record = (updateId: string, wait: number | null) =>
      ledger.recordVerb(stepOf(opened), said('retry', { updateId, wait }));
    expect(await record('once', first.number)).toMatchObject({ whyNone: null, ends: [1] });
    const second = await ledger.openWait(stepOf(opened), hold);
    expect(await record('once', first.number)).toMatchObject({ whyNone: null, ends: [1] });
    expect((await record('late', first.number)).whyNone).not.toBeNull();
    expect((await record('skips', second.number)).ends).toEqual([second.number]);
    expect((await record('nothing', null)).whyNone).not.toBeNull();
  });

  it('to go back has no effect where consumers may hold the new key and the old secret is not ours', async () => {
    const opened = await open('bound');
    await database.query(
      `insert into versions (credential, generation, state, account, key_id, origin) values ('bound', 0, 'retiring', 'a', 'k0', 'adopted')`,
    );
    await database.query(`update runs set previous_generation = 0 where id = $1`, [opened.run.id]);
    expect((await open('bound', 'run-2')).bound).toBe(false);
    const { run, head } = await open('bound', 'run-3');
    const step = { ...stepOf({ ...opened, run, head }, 'distribute/wave-1/web-1'), subject: 'web-1' };
    await ledger.once(step, quick, async () => ({}));
    expect((await ledger.recordVerb(step, said('abort'))).whyNone).toContain('the secret of the old one is not in the vault');
    await expect(ledger.turnBack({ ...step, key: 'turn-back' }, 'x')).rejects.toMatchObject({ code: 'KR_BEYOND_RETURN' });
    const next = await open('bound', 'run-4');
    expect(next.bound).toBe(true);
    const left = { ...said('exempt'), consumer: 'web-1' };
    await ledger.recordVerb(stepOf(next), left);
    expect((await open('bound', 'run-5')).bound).toBe(false);
  });

  it('to go back has no effect behind an intent that may have been sent, and says so', async () => {
    const opened = await open('crossed');
    await ledger.once(stepOf(opened, 'regenerate/1'), quick, async () => ({}));
    const { whyNone } = await ledger.recordVerb(stepOf(opened), said('abort'));
    expect(whyNone).toBe('regenerate/1 may have been sent');
    expect((await open('crossed', 'run-2')).turnBack).toBeNull();
  });
});

describe('a wait for somebody who does not answer', () => {
  const wait = (minutes: number): Wait => ({
    kind: 'answer',
    step: 'preflight/apps',
    text: 'apps to answer: 503',
    person: false,
    deadline: new Date(Date.now() + minutes * 60_000).toISOString(),
    nextCommands: ['abort'],
  });

  it('is counted from the first time on, until another step is worked on', async () => {
    const opened = await open('away');
    const step = stepOf(opened, 'preflight');
    const first = await ledger.openWait(step, wait(5));
    await ledger.enter(step);
    const again = await ledger.openWait(step, wait(10));
    expect([first.ageMs, again.number]).toEqual([0, first.number]);
    expect(again.ageMs).toBeGreaterThan(0);
    const { rows } = await database.query<{ left: number }>(
      `select extract(epoch from deadline - since)::int as left from waits where run = $1 and ended is null`,
      [opened.run.id],
    );
    expect(rows[0]!.left).toBeLessThan(6 * 60);
    await ledger.enter(stepOf(opened, 'plan'));
    expect((await database.query('select 1 from waits where run = $1 and ended is null', [opened.run.id])).rowCount).toBe(0);
  });
});

describe('a run', () => {
  it('takes a generation only where it makes a version, and says what made it begin', async () => {
    const update = { without: [], update: { change: { kind: 'undo' }, accepted: false } } as const;
    const ids: string[] = [];
    for (const options of [update, { without: [] }, update]) {
      const opened = await ledger.open({ credential: 'ids', options, by: schedule, ...anOrder() });
      ids.push(`${opened.run.id} ${opened.run.kind} ${opened.run.generation}`);
      await ledger.close(stepOf(opened, 'close'), 'refused', null, null);
    }
    expect(ids).toEqual(['ids/update-1 update null', 'ids#1 rotate 1', 'ids/update-2 update null']);
    const { rows } = await database.query<{ trigger: string }>(`select distinct trigger from runs where credential = 'ids'`);
    expect(rows).toEqual([{ trigger: 'schedule' }]);
  });
});

describe('whom a run was planned for', () => {
  it('is kept as they said themselves, and stays', async () => {
    const opened = await open('lost', 'run-5');
    const freeze = (store: string, key: string) =>
      ledger.once(stepOf(opened, key), quick, async (attempt) => {
        attempt.stage({ kind: 'freeze-identities', identities: { store, hosts: { disk: 'machine-1' } } });
        return {};
      });
    await freeze('org-1', 'plan');
    await freeze('org-2', 'plan/again');
    const { rows } = await database.query('select store_identity, host_identities from runs where id = $1', [opened.run.id]);
    expect(rows).toEqual([{ store_identity: 'org-1', host_identities: { disk: 'machine-1' } }]);
  });
});

describe('a version', () => {
  it('is known by the whole digest of its secret, and a compromised one is never made active again', async () => {
    const secret = new Secret('0123456789abcdef0123456789abcdef');
    await ledger.adopt(
      'leaked',
      {
        account: 'org',
        keyId: 'k1',
        keyName: 'k1',
        fingerprint: secret.fingerprint,
        digest: secret.digest,
        secret: await vault.seal(secret),
        handedIn: null,
      },
      tester,
    );
    const found = await database.query('select generation from versions where digest = $1', [secret.digest]);
    expect(found.rows).toEqual([{ generation: 1 }]);
    // The mark does not end it: it serves until it is replaced.
    await database.query(`update versions set compromised_at = clock_timestamp() where credential = 'leaked'`);
    await database.query(`update versions set state = 'retiring' where credential = 'leaked'`);
    await expect(database.query(`update versions set state = 'active' where credential = 'leaked'`)).rejects.toMatchObject({
      detail: expect.stringContaining('versions_compromised_never_active') as string,
    });
  });
});

describe('a credential', () => {
  it('has the labels that it was declared with last, and an open run does not keep them', async () => {
    await open('lost', 'run-4');
    const labelled = names.map((name) => declared(name, name === 'lost' ? { labels: ['payments'] } : {}));
    await ledger.saveConfiguration(anOrder(), declaring(...labelled), 'h2', tester);
    const { rows } = await database.query(`select name from credentials where labels @> array['payments']`);
    expect(rows).toEqual([{ name: 'lost' }]);
  });
});

describe('an event', () => {
  it('has a row in the outbox, in its own transaction', async () => {
    const { rows } = await database.query(
      `select count(*)::int as events, (select count(*)::int from outbox) as told from audit_events`,
    );
    expect(rows[0]).toMatchObject({ told: (rows[0] as { events: number }).events });
    expect((rows[0] as { told: number }).told).toBeGreaterThan(10);
  });
});
