/** What the ledger keeps of incidents and of leaked keys, on a real PostgreSQL. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Change } from '../../activities/ports/journal.js';
import type { Ledger } from '../../activities/ports/ledger.js';
import { Secret } from '../../activities/ports/secret.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { sealedSecrets } from '../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../activities/vault/vault.js';
import type { IncidentPlan } from '../../workflows/domain/incident.js';
import type { Opened, StepRef } from '../../workflows/domain/records.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
let vault: EnvelopeVault;
const names = [
  'again',
  'mark',
  'urgent',
  'settled',
  'dead',
  'met',
  'bound',
  'told',
  'other',
  'halted',
  'beyond',
  'unclear',
  'held',
  'down',
  'clock',
];
const quick = { deadline: 400, settle: 0, waitForSettle: false } as const;

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder(inject('servers').keys, 'vault'));
  const strategy = 'in-place';
  const declarations = [...names, 'back'].map((name) => declared(name, name === 'down' ? { strategy } : {}));
  await ledger.saveConfiguration(anOrder(), declaring(...declarations), 'h1', tester);
  for (const name of names) {
    const secret = await sealed();
    await ledger.adopt(name, { account: 'org', keyId: `key of ${name}`, keyName: name, ...secret, handedIn: null }, tester);
  }
});

async function sealed() {
  const secret = new Secret(`${Math.random()}`.padEnd(40, 'abcdefghijklmnopqrstuvwxyz0123456789abcdef'));
  return { secret: await vault.seal(secret), fingerprint: secret.fingerprint, digest: secret.digest };
}

const planOf = (...credentials: readonly string[]): IncidentPlan => ({
  way: 'rotate',
  reason: 'a test',
  revokeWithin: null,
  selection: [{ by: 'key', names: credentials }],
  found: { unknownValues: 0, notComparable: 0 },
  keys: credentials.map((credential) => ({ credential, generation: 1, leakedAt: null, reportedAt: null })),
});
let numbers = 0;
async function incident(...credentials: readonly string[]): Promise<string> {
  const request = { ...anOrder(), number: ++numbers, plan: planOf(...credentials), by: tester };
  return (await ledger.openIncident(request)).incident;
}
const open = (credential: string, id?: string): Promise<Opened> =>
  ledger.open({ credential, options: { without: [], ...(id ? { incident: id } : {}) }, by: tester, ...anOrder() });

function stepOf({ run, head }: Opened, key: string): StepRef {
  const { id, credential, fence } = run;
  return { run: id, credential, fence, head, key, kind: key.split('/')[0]!, phase: 'preparing', subject: null };
}
const stage = (opened: Opened, key: string, ...changes: readonly Change[]) =>
  ledger.once(stepOf(opened, key), quick, async (attempt) => {
    for (const change of changes) attempt.stage(change);
    return {};
  });

describe('an incident', () => {
  it('is one for one order, however often it is asked for, and has its number alone', async () => {
    const request = { ...anOrder(), number: ++numbers, plan: planOf('again'), by: tester };
    const first = await ledger.openIncident(request);
    expect(await ledger.openIncident(request)).toEqual(first);
    await expect(ledger.openIncident({ ...request, ...anOrder() })).rejects.toMatchObject({ code: 'KR_ALREADY_OPEN' });
    const { rows } = await database.query(`select kind from audit_events where credential = 'again' and kind = 'compromised'`);
    expect(rows).toHaveLength(1);
  });

  it('marks nothing where one of its keys is none that is known', async () => {
    const plan = { ...planOf('mark'), keys: [...planOf('mark').keys, { ...planOf('mark').keys[0]!, generation: 9 }] };
    const asked = ledger.openIncident({ ...anOrder(), number: ++numbers, plan, by: tester });
    await expect(asked).rejects.toMatchObject({ code: 'KR_NOT_FOUND' });
    expect((await ledger.versions('mark'))[0]!.compromised).toBe(false);
    expect(await ledger.openIncidents()).not.toContain(numbers);
  });

  it('asks of its runs what stands in its row, until something has come of the key', async () => {
    const id = await incident('urgent');
    const opened = await open('urgent', id);
    expect(opened.run.urgency).toEqual({ incident: id, way: 'rotate', revokeBy: null });
    const { rows } = await database.query('select trigger, priority, incident from runs where id = $1', [opened.run.id]);
    expect(rows).toEqual([{ trigger: 'incident', priority: 1, incident: id }]);
    const { items } = await ledger.incidentRound(id);
    expect(items).toMatchObject([{ open: { id: opened.run.id, waitsForPerson: false }, ended: null, isDead: false }]);

    await ledger.close(stepOf(opened, 'close'), 'refused', 'no room', null);
    expect((await ledger.incidentRound(id)).items).toMatchObject([
      { open: null, ended: { outcome: 'refused', reason: 'no room' } },
    ]);
    await ledger.settleIncident(id, [
      { credential: 'urgent', generation: 1, outcome: 'failed', reason: 'no room', run: opened.run.id },
    ]);
    expect(await ledger.incidentRound(id)).toEqual({ incident: null, items: [] });
    await expect(open('urgent', id)).rejects.toMatchObject({ code: 'KR_NOT_CALLED_FOR' });
  });
});

describe('an incident that is paused or stopped', () => {
  const leave = { gate: 'take-away' } as const;
  const send = (opened: Opened, key: string) => ledger.once(stepOf(opened, key), { ...quick, leave }, async () => ({}));
  const halt = (id: string, to: 'open' | 'paused' | 'stopped') =>
    ledger.haltIncident({ incident: id, to, by: tester, reason: null });

  it('has its time behind all that was begun before it, however long it waited for that', async () => {
    const id = await incident('clock');
    let stopping: Promise<unknown> = Promise.resolve();
    const begun = await database.transaction(async (client) => {
      // As an effect does in the transaction of its intent.
      await client.query('select 1 from incidents where id = $1 for share', [id]);
      stopping = halt(id, 'stopped');
      const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      while ((await database.query(waits)).rowCount === 0) await sleep(10);
      return (await client.query('select clock_timestamp()::text as at')).rows[0] as { at: string };
    });
    await stopping;
    const { rows } = await database.query('select closed_at > $2::timestamptz as behind from incidents where id = $1', [
      id,
      begun.at,
    ]);
    expect(rows).toEqual([{ behind: true }]);
  });

  it('lets nothing of it begin, and goes on after a pause', async () => {
    const id = await incident('halted');
    const opened = await open('halted', id);
    await halt(id, 'paused');
    await expect(send(opened, 'mint')).rejects.toMatchObject({ code: 'KR_NOT_NOW' });
    expect((await database.query('select 1 from intents where run = $1', [opened.run.id])).rowCount).toBe(0);
    await halt(id, 'open');
    await send(opened, 'mint');
    await halt(id, 'stopped');
    await expect(send(opened, 'revoke/1')).rejects.toMatchObject({ code: 'KR_NOT_NOW' });
    await expect(halt(id, 'open')).rejects.toMatchObject({ code: 'KR_VERB_ILLEGAL' });
    // A workflow task that was lost with its worker says it once more.
    await halt(id, 'stopped');
    const told = await database.query(
      `select 1 from audit_events where credential = 'halted' and kind = 'incident' and body->>'state' = 'stopped'`,
    );
    expect(told.rowCount).toBe(1);
    // For whoever opens another one, the run answers for none.
    const other = await incident('halted');
    expect((await ledger.incidentRound(other)).items).toMatchObject([{ open: { id: opened.run.id, urgency: null } }]);
  });

  it('does not repeat what was begun before it, although nobody knows what became of that', async () => {
    const id = await incident('unclear');
    const opened = await open('unclear', id);
    const lost = ledger.once(stepOf(opened, 'mint'), { ...quick, leave }, () => Promise.reject(new Error('its reply was lost')));
    await expect(lost).rejects.toThrow('lost');
    await halt(id, 'paused');
    await expect(send(opened, 'mint')).rejects.toMatchObject({ code: 'KR_NOT_NOW' });
    expect((await database.query('select 1 from intents where run = $1', [opened.run.id])).rowCount).toBe(1);
    await halt(id, 'open');
    await expect(send(opened, 'mint')).resolves.toMatchObject({ result: {} });
  });

  it('is closed with the last of its keys, although it is paused', async () => {
    const id = await incident('held');
    await halt(id, 'paused');
    await ledger.settleIncident(id, [{ credential: 'held', generation: 1, outcome: 'failed', reason: 'a test', run: null }]);
    expect(await ledger.incidentState(id)).toBe('closed');
  });

  it('does not leave those without a key whose key has died', async () => {
    const id = await incident('beyond');
    const opened = await open('beyond', id);
    await send(opened, 'contain/1');
    await halt(id, 'stopped');
    await expect(send(opened, 'mint')).resolves.toMatchObject({ result: {} });
  });
});

describe('an open run that is told', () => {
  it('answers for the incident, waits for nothing, and obeys nothing that was said before', async () => {
    const opened = await open('told');
    const step = stepOf(opened, 'wait');
    await ledger.openWait(step, { kind: 'pause', text: 'a person', person: true, deadline: null, nextCommands: ['resume'] });
    for (const verb of ['pause', 'abort'] as const)
      await ledger.recordVerb(step, { updateId: verb, verb, who: tester, wait: null, reason: null, consumer: null });
    const id = await incident('told');
    await ledger.tellRun(id, 'told');
    const taken = await ledger.open({ credential: 'told', options: { without: [] }, by: tester, ...anOrder('run-2') });
    expect(taken).toMatchObject({ run: { id: opened.run.id, paused: false, urgency: { incident: id } }, turnBack: null });
    const { rows } = await database.query('select 1 from waits where run = $1 and ended_at is null', [opened.run.id]);
    expect(rows).toEqual([]);
    expect((await ledger.incidentRound(id)).items).toMatchObject([{ open: { urgency: { incident: id } } }]);
  });
});

describe('a leaked version', () => {
  it('comes back under no name: whoever adopts its secret or hands it in is refused', async () => {
    const secret = await sealed();
    const key = { account: 'org', keyId: 'shown', keyName: 'shown', ...secret, handedIn: null };
    await ledger.adopt('back', key, tester);
    await incident('back');
    await database.query(`update versions set state = 'revoked' where credential = 'back'`);
    const again = ledger.adopt('back', { ...key, secret: (await sealed()).secret }, tester);
    await expect(again).rejects.toMatchObject({ code: 'KR_COMPROMISED' });
    const opened = await open('other');
    const added = { kind: 'add-version', generation: 2, state: 'prepared', origin: 'minted', ...key } as const;
    await expect(stage(opened, 'mint', { ...added, secret: (await sealed()).secret })).rejects.toMatchObject({
      code: 'KR_COMPROMISED',
    });
  });

  it('is never active again, whatever is asked of the database', async () => {
    await incident('mark');
    const move = (state: string) => database.query(`update versions set state = $1 where credential = 'mark'`, [state]);
    await move('retiring');
    await expect(move('active')).rejects.toMatchObject({ code: 'KR_INTERNAL' });
  });

  it('leaves no way back to those that were handed another one', async () => {
    const opened = await open('bound');
    await ledger.once({ ...stepOf(opened, 'distribute/1'), subject: 'web-1' }, quick, async () => ({}));
    await incident('bound');
    const back = ledger.turnBack(stepOf(opened, 'turn-back'), 'a test');
    await expect(back).rejects.toMatchObject({ code: 'KR_BEYOND_RETURN' });
  });

  it('is found by the run that answers for it, until it is proved to be dead', async () => {
    const id = await incident('dead');
    const opened = await open('dead', id);
    expect(await ledger.versionsToEnd(opened.run.id)).toEqual([{ generation: 1, state: 'active', leaked: true, dead: false }]);
    await stage(opened, 'contain/1', { kind: 'move-version', generation: 1, event: 'contain-revoke' });
    await stage(opened, 'leak/1', { kind: 'dead', generation: 1 }, { kind: 'replaced' });
    expect(await ledger.versionsToEnd(opened.run.id)).toEqual([{ generation: 1, state: 'revoked', leaked: true, dead: true }]);
    const { rows } = await database.query<{ revoked_ms: string }>(
      'select dead_at is not null and replaced_at is not null as done, revoked_ms from incident_item_status where incident = $1',
      [id],
    );
    expect(rows).toMatchObject([{ done: true }]);
    expect(Number(rows[0]!.revoked_ms)).toBeGreaterThan(0);
  });
});

describe('programs that a superseded run has left down', () => {
  it('are brought back by the next one, which cannot be turned back', async () => {
    const id = await incident('down');
    const remember = (opened: Opened, running: readonly string[]) =>
      ledger.once(stepOf(opened, 'remember-running'), quick, async () => ({ running: [...running] }));
    const first = await open('down', id);
    expect([first.bound, await ledger.leftDown(first.run.id)]).toEqual([false, []]);
    await remember(first, ['web-1']);
    await ledger.close(stepOf(first, 'close'), 'superseded', null, null);

    const second = await open('down', id);
    expect([second.bound, await ledger.leftDown(second.run.id)]).toEqual([true, ['web-1']]);
    const said = { updateId: 'abort down', verb: 'abort', who: tester, wait: null, reason: null, consumer: null } as const;
    expect(await ledger.recordVerb(stepOf(second, 'verb'), said)).toMatchObject({
      whyNone: expect.stringContaining('down') as string,
    });
    expect((await ledger.incidentRound(id)).items).toMatchObject([{ isReplaced: false }]);
    await ledger.close(stepOf(second, 'close'), 'completed', null, null);

    const third = await open('down', id);
    expect([third.bound, await ledger.leftDown(third.run.id)]).toEqual([false, []]);
  });
});

it('meets whom it had not seen, and keeps whom it had', async () => {
  const opened = await open('met', await incident('met'));
  await stage(opened, 'plan', { kind: 'freeze-identities', identities: { store: 'org', hosts: { a: 'one' } } });
  await stage(opened, 'meet/1', { kind: 'meet-hosts', hosts: { a: 'other', b: 'two' } });
  expect((await ledger.run(opened.run.id)).identities).toEqual({ store: 'org', hosts: { a: 'one', b: 'two' } });
});
