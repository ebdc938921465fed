/** The books of an effect: intent, take-over, fence and outcome, on a real PostgreSQL. */

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { clocks } from '../../activities/ports/deadline.js';
import type { Ledger } from '../../activities/ports/ledger.js';
import { Secret } from '../../activities/ports/secret.js';
import { verifyAudit } from '../../activities/postgres/audit.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { sealedSecrets } from '../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../activities/vault/vault.js';
import type { RekeyError } from '../../workflows/domain/errors.js';
import type { StepRef } from '../../workflows/domain/records.js';
import { system } from '../../workflows/domain/who.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
let vault: EnvelopeVault;

const configuration = declaring(
  ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'suspended', 'set-back'].map((name) => declared(name)),
);
const quick = { deadline: 400, settle: 100, waitForSettle: false } as const;

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder(inject('servers').keys, 'vault'));
  await ledger.saveConfiguration(anOrder(), configuration, 'h1', tester);
});

async function openStep(name: string, workflowRun = 'run-1'): Promise<StepRef> {
  const { run, head } = await ledger.open({ credential: name, options: { without: [] }, by: tester, ...anOrder(workflowRun) });
  return {
    run: run.id,
    credential: name,
    fence: run.fence,
    head,
    key: 'mint',
    kind: 'mint',
    phase: 'preparing',
    subject: null,
  };
}

describe('an effect', () => {
  it('runs once, however often its step is asked for', async () => {
    const step = await openStep('a');
    let sent = 0;
    const run = () => ledger.once(step, quick, async () => ({ sent: ++sent }));
    const first = await run();
    const second = await run();
    expect([first.result, second.result, sent]).toEqual([{ sent: 1 }, { sent: 1 }, 1]);
  });

  it('is found again by the tag of the attempt whose reply was lost', async () => {
    const step = await openStep('b');
    let lost = '';
    await expect(
      ledger.once(step, quick, async (attempt) => {
        lost = attempt.tag;
        throw new Error('the reply was lost');
      }),
    ).rejects.toThrow('the reply was lost');
    const { result } = await ledger.once(step, quick, async (attempt) => ({
      found: attempt.earlier.map((e) => e.tag),
      own: attempt.tag,
    }));
    expect(result.found).toEqual([lost]);
    expect(result.own).not.toBe(lost);
    expect(lost.length).toBeLessThanOrEqual(30);
  });

  it('waits out an earlier attempt that can still land, where repeating is not harmless', async () => {
    const step = await openStep('c');
    await expect(ledger.once(step, { ...quick, deadline: 300 }, () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    await expect(ledger.once(step, { ...quick, waitForSettle: true }, async () => ({}))).rejects.toMatchObject({
      code: 'KR_SETTLING',
    });
    await new Promise((resolve) => setTimeout(resolve, 450));
    await expect(
      ledger.once(step, { ...quick, waitForSettle: true }, async (a) => ({ settled: a.earlier[0]!.settled })),
    ).resolves.toMatchObject({ result: { settled: true } });
  });

  it('records nothing of an attempt that was overtaken', async () => {
    const step = await openStep('d');
    let second: Promise<unknown> = Promise.resolve();
    const late = ledger.once(step, quick, async () => {
      second = ledger.once(step, quick, async () => ({ by: 'second' }));
      await second;
      return { by: 'late' };
    });
    await expect(late).rejects.toMatchObject({ code: 'KR_ATTEMPT_LOST' });
    expect((await ledger.once(step, quick, async () => ({ by: 'third' }))).result).toEqual({ by: 'second' });
  });

  it('is refused to a run that was fenced out, and the newer run goes on', async () => {
    const old = await openStep('e', 'run-1');
    const fresh = await openStep('e', 'run-2');
    await expect(ledger.once(old, quick, async () => ({}))).rejects.toMatchObject({ code: 'KR_FENCED' });
    await expect(ledger.once(fresh, quick, async () => ({ ok: true }))).resolves.toMatchObject({ result: { ok: true } });
  });

  it('is not begun on a ledger that has lost what the rotation has seen', async () => {
    const step = await openStep('f');
    await expect(
      ledger.once({ ...step, head: { position: step.head!.position, hash: 'x'.repeat(64) } }, quick, async () => ({})),
    ).rejects.toMatchObject({ code: 'KR_LEDGER_BEHIND' });
    await expect(ledger.once({ ...step, fence: step.fence + 1 }, quick, async () => ({}))).rejects.toMatchObject({
      code: 'KR_LEDGER_BEHIND',
    });
  });

  it('closes its intent as not sent when its guard refuses', async () => {
    const step = await openStep('g');
    await expect(
      ledger.once(step, quick, async (attempt) => {
        attempt.markUnsent('this');
        throw new Error('refused');
      }),
    ).rejects.toThrow('refused');
    const { rows } = await database.query('select closed from intents where run = $1', [step.run]);
    expect(rows).toEqual([{ closed: 'not-sent' }]);
    expect(await ledger.unsettled(step.run, ['mint'], null)).toBe(0);
  });

  it('that comes too late for its own deadline sends nothing, and closes its intent so', async () => {
    const step = await openStep('k');
    let sent = 0;
    const late = ledger.once(step, { ...quick, deadline: 300 }, async (attempt) => {
      await sleep(100);
      attempt.beforeSending();
      return { sent: ++sent };
    });
    await expect(late).rejects.toMatchObject({ code: 'KR_TOO_LATE' });
    const { rows } = await database.query('select closed from intents where run = $1', [step.run]);
    expect([rows, sent]).toEqual([[{ closed: 'not-sent' }], 0]);
  });

  it.each([
    ['sends nothing when the machine was suspended meanwhile', 'suspended', 60_000, 'KR_TOO_LATE'],
    ['is sent when the wall clock was set back meanwhile', 'set-back', -3_600_000, null],
  ])('%s', async (_, name, stepped, code) => {
    const step = await openStep(name);
    const wall = vi.spyOn(clocks, 'wall').mockReturnValue(1_000_000);
    const sending = ledger.once(step, { ...quick, deadline: 5_000 }, async (attempt) => {
      wall.mockReturnValue(1_000_000 + stepped);
      attempt.beforeSending();
      return { sent: true };
    });
    const ended = await sending.then(
      () => null,
      (error: RekeyError) => error.code,
    );
    wall.mockRestore();
    expect(ended).toBe(code);
  });

  it('keeps secret and version in the transaction of its outcome', async () => {
    const step = await openStep('h');
    const secret = new Secret('0123456789abcdef0123456789abcdef');
    await ledger.once(step, quick, async (attempt) => {
      attempt.stage({
        kind: 'add-version',
        generation: 1,
        state: 'prepared',
        account: 'org',
        keyId: 'k1',
        keyName: 'n',
        origin: 'minted',
        fingerprint: secret.fingerprint,
        digest: secret.digest,
        secret: await vault.seal(secret),
      });
      return {};
    });
    const [version] = await ledger.versions('h');
    expect((await vault.open(version!.secretRef!)).equals(secret)).toBe(true);
    const dump = JSON.stringify((await database.query('select * from vault_secrets')).rows);
    expect(dump).not.toContain(secret.reveal());
  });
});

describe('a rotation', () => {
  it('is opened once: the same run gets the same row, another options are refused', async () => {
    const first = await ledger.open({ credential: 'a', options: { without: [] }, by: tester, ...anOrder() });
    const again = await ledger.open({ credential: 'a', options: { without: [] }, by: tester, ...anOrder() });
    expect(again.run.fence).toBe(first.run.fence);
    await expect(
      ledger.open({ credential: 'a', options: { without: [{ consumer: 'x', reason: 'y' }] }, by: tester, ...anOrder('run-2') }),
    ).rejects.toMatchObject({ code: 'KR_ALREADY_OPEN' });
  });

  it.each([
    'open',
    'due',
  ] as const)('that rekey begins by itself is not opened when the credential is not %s any more', async (onlyIf) => {
    const order = { credential: 'j', options: { without: [] }, by: system('sweep'), ...anOrder(), onlyIf };
    await expect(ledger.open(order)).rejects.toMatchObject({ code: 'KR_NOT_CALLED_FOR' });
    expect((await database.query(`select 1 from runs where credential = 'j'`)).rowCount).toBe(0);
  });

  it('that has turned back hears again what it recorded before, and nothing new', async () => {
    const step = { ...(await openStep('i')), kind: 'plan', key: 'plan' };
    const abort = { updateId: 'u1', verb: 'abort', who: tester, wait: null, reason: null, consumer: null } as const;
    const { result } = await ledger.once(step, quick, async () => ({ planHash: 'one' }));
    await ledger.recordVerb(step, abort);
    const head = await ledger.turnBack(step, 'a test');
    // The worker was lost with its workflow task: all of it is asked for once more.
    expect((await ledger.once(step, quick, async () => ({ planHash: 'two' }))).result).toEqual(result);
    expect(await ledger.recordVerb(step, abort)).toMatchObject({ head, whyNone: null, turns: true });
    expect(await ledger.turnBack(step, 'a test')).toEqual(head);
    await expect(ledger.once({ ...step, key: 'other' }, quick, async () => ({}))).rejects.toMatchObject({ code: 'KR_FENCED' });
    await expect(ledger.recordVerb(step, { ...abort, updateId: 'u2', verb: 'pause' })).rejects.toMatchObject({
      code: 'KR_FENCED',
    });
  });

  it('holds a consumer alone until it lets go of it, and each taking has a higher number', async () => {
    const [one, two] = [await openStep('a'), await openStep('b')];
    const first = await ledger.lease(one, 'host/web-1');
    const again = await ledger.lease(one, 'host/web-1');
    expect(again.number).toBe(first.number + 1);
    await expect(ledger.lease(two, 'host/web-1')).rejects.toMatchObject({ code: 'KR_LEASE_HELD' });
    await ledger.releaseLease('host/web-1', one.run);
    expect((await ledger.lease(two, 'host/web-1')).number).toBe(again.number + 1);
  });

  it('keeps its spec: a configuration that changes it is refused whole', async () => {
    await openStep('a');
    const changed = {
      ...configuration,
      credentials: { ...configuration.credentials, a: { ...configuration.credentials.a!, accept: ['no-last-used' as const] } },
    };
    await expect(ledger.saveConfiguration(anOrder(), changed, 'h2', tester)).rejects.toMatchObject({ code: 'KR_SPEC_FROZEN' });
    expect((await ledger.configuration())?.hash).toBe('h1');
  });
});

describe('the audit chain', () => {
  it('holds, and shows a changed event, a removed one and a cut tail', async () => {
    expect((await verifyAudit(database, [])).filter((c) => c.broken)).toEqual([]);
    const breaks = async (sql: string) => {
      let found: string | null | undefined;
      await database
        .transaction(async (client) => {
          await client.query(sql);
          found = (await verifyAudit(client, [])).find((c) => c.credential === 'h')?.broken;
          throw new Error('undo');
        })
        .catch(() => undefined);
      return found;
    };
    expect(
      await breaks(
        `update audit_events set who = jsonb_set(who::jsonb, '{name}', '"mallory"') where credential = 'h' and position = 2`,
      ),
    ).toBe('event 2 was changed');
    expect(await breaks(`delete from outbox; delete from audit_events where credential = 'h' and position = 2`)).toBe(
      'event 2 is missing',
    );
    expect(
      await breaks(
        `delete from outbox; delete from audit_events where credential = 'h' and position = (select max(position) from audit_events where credential = 'h')`,
      ),
    ).toMatch(/tail/);
  });
});
