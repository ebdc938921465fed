/** What is seen of a chain that the database's owner has changed, by heads that were kept apart. */

import { appendFileSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import { appendAudit, type ChainReport, readHeads, verifyAudit } from '../../activities/postgres/audit.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database, Queryable } from '../../activities/postgres/pool.js';
import { HeadSigner, makeAuditKey, type SignedHead } from '../../activities/vault/head-signer.js';
import { HeadKeeper, readKept } from '../../worker/heads.js';
import type { Who } from '../../workflows/domain/who.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-audit-'));
const file = path.join(folder, 'audit-heads.jsonl');
const mallory: Who = { ...tester, name: 'mallory' };

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  makeAuditKey(folder, 'k1');
  await ledger.saveConfiguration(anOrder(), declaring(declared('a'), declared('b')), 'h1', tester);
  for (const round of [1, 2]) {
    const { run, head } = await ledger.open({
      credential: 'a',
      options: { without: [] },
      by: tester,
      ...anOrder(`run-${round}`),
    });
    const step = { run: run.id, credential: 'a', fence: run.fence, head, key: 'close', kind: 'close', subject: null } as const;
    await ledger.close({ ...step, phase: 'closing' }, 'refused', 'a test', null);
  }
  const keeper = new HeadKeeper(HeadSigner.of(folder), file);
  await keeper.start(database);
  await keeper.stop(database);
});

/** What is found in a ledger that was changed, without the heads that were kept, and with them. */
async function found(change: (client: Queryable) => Promise<unknown>): Promise<readonly (string | null | undefined)[]> {
  const brokenOf = (reports: readonly ChainReport[]) => reports.find(({ credential }) => credential === 'a')?.broken;
  let broken: readonly (string | null | undefined)[] = [];
  const undo = database.transaction(async (client) => {
    await change(client);
    broken = [brokenOf(await verifyAudit(client, [])), brokenOf(await verifyAudit(client, readKept(file, folder)!.heads))];
    throw new Error('undo');
  });
  await undo.catch(() => undefined);
  return broken;
}

const cutTo = async (client: Queryable, position: number) => {
  await client.query('delete from outbox');
  await client.query(`delete from audit_events where credential = 'a' and position > $1`, [position]);
  await client.query(
    `update credentials c set audit_position = $1, audit_hash = coalesce((select hash from audit_events where credential = 'a' and position = $1), repeat('0', 64))
     where name = 'a'`,
    [position],
  );
};

describe('a chain whose heads were signed and kept apart', () => {
  it('holds as it is, up to its last event', async () => {
    const chains = await verifyAudit(database, readKept(file, folder)!.heads);
    expect(chains.map(({ credential, broken, events, signedTo }) => [credential, broken, events, signedTo])).toEqual([
      ['a', null, 5, 5],
      ['b', null, 1, 1],
    ]);
  });

  it('shows an event that was changed', async () => {
    const told = await found((client) =>
      client.query(`update audit_events set kind = 'open' where credential = 'a' and position = 3`),
    );
    expect(told).toEqual(['event 3 was changed', 'event 3 was changed']);
  });

  it('shows a tail that was cut off, the head in the database with it', async () => {
    const [alone, held] = await found((client) => cutTo(client, 3));
    expect(alone).toBeNull();
    expect(held).toMatch(/^event 5, whose head was signed at .*, is gone$/);
  });

  it('shows a chain that was built anew with right hashes', async () => {
    const [alone, held] = await found(async (client) => {
      const { rows } = await client.query(`select kind, body from audit_events where credential = 'a' order by position`);
      await cutTo(client, 0);
      for (const event of rows as { kind: string; body: object }[])
        await appendAudit(client, 'a', { kind: event.kind, who: mallory, body: event.body as never });
    });
    expect(alone).toBeNull();
    expect(held).toMatch(/^event 5 is not the one whose head was signed at /);
  });

  it('shows a credential that was removed with all that was known of it', async () => {
    const [alone, held] = await found(async (client) => {
      await cutTo(client, 0);
      await client.query(`delete from runs where credential = 'a'`);
      await client.query(`delete from credentials where name = 'a'`);
    });
    expect(alone).toBeUndefined();
    expect(held).toMatch(/^event 5, .* is gone$/);
  });
});

describe('the file of heads', () => {
  it('is for its owner alone, as is the key that signs them', () => {
    const modes = ['audit-k1.key', 'audit-heads.jsonl'].map((name) => statSync(path.join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600]);
  });

  it('gets each head once, from however many workers', async () => {
    const before = readFileSync(file, 'utf8');
    for (const keeper of [1, 2].map(() => new HeadKeeper(HeadSigner.of(folder), file))) {
      await keeper.start(database);
      for (const { credential, ...head } of await readHeads(database)) keeper.keep(credential, head);
      await keeper.stop(database);
    }
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('is believed only where a key of the installation has signed: what somebody adds to it proves nothing', () => {
    const [first] = readKept(file, folder)!.heads;
    const other = mkdtempSync(path.join(os.tmpdir(), 'rekey-audit-'));
    makeAuditKey(other, 'k1');
    makeAuditKey(other, 'k2');
    const forged = (name: string): SignedHead => ({
      ...HeadSigner.of(other)!.sign('a', { position: 9, hash: name }, new Date()),
      key: 'k1',
    });
    const lines = [forged('another key'), { ...first!, position: 4 }, { ...first!, key: '../k1' }, 'torn'];
    const before = readKept(file, folder)!.heads.length;
    for (const line of lines) appendFileSync(file, `${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    expect(readKept(file, folder)).toMatchObject({ heads: { length: before }, others: 4 });
  });

  it('is missed by name where there is none', () => {
    expect(readKept(path.join(folder, 'nothing'), folder)).toBeNull();
  });
});
