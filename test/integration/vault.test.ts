/** What lies in the vault, and what does not stay there, on a real PostgreSQL. */

import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Change } from '../../activities/ports/journal.js';
import type { Ledger } from '../../activities/ports/ledger.js';
import { Secret } from '../../activities/ports/secret.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { sealedSecrets } from '../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../activities/vault/vault.js';
import type { StepRef } from '../../workflows/domain/records.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
let vault: EnvelopeVault;
let keys: string;

const names = ['rewrapped', 'far', 'adopted', 'raced', 'learned', 'minted', 'provided', 'dead', 'open', 'fresh'];
const quick = { deadline: 5_000, settle: 0, waitForSettle: false } as const;
const week = 7 * 24 * 60 * 60_000;

beforeAll(async () => {
  database = (await cloneDatabase()).database;
  ledger = await openLedger(database);
  keys = mkdtempSync(path.join(os.tmpdir(), 'rekey-keys-'));
  const given = inject('servers').keys;
  for (const name of readdirSync(given).filter((file) => file.startsWith('vault-')))
    copyFileSync(path.join(given, name), path.join(keys, name));
  vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder(keys, 'vault'));
  const credentials = names.map((name) => declared(name, { policy: { ...declared(name).policy, keepRevoked: week } }));
  await ledger.saveConfiguration(anOrder(), declaring(...credentials), 'h1', tester);
});

const random = (): Secret => new Secret(randomBytes(20).toString('hex'));

function newKey(folder: string): string {
  const id = randomBytes(4).toString('hex');
  writeFileSync(path.join(folder, `vault-${id}.key`), randomBytes(32).toString('base64'), { mode: 0o600 });
  return id;
}

async function openStep(credential: string, kind = 'mint'): Promise<StepRef> {
  const { run, head } = await ledger.open({ credential, options: { without: [] }, by: tester, ...anOrder('run-1') });
  return { run: run.id, credential, fence: run.fence, head, key: kind, kind, phase: 'preparing', subject: null };
}

const addingOf = async (secret: Secret, keyId: string): Promise<Change> => ({
  ...({ kind: 'add-version', generation: 1, state: 'prepared', account: 'org', origin: 'minted' } as const),
  ...{ keyId, keyName: keyId, fingerprint: secret.fingerprint, digest: secret.digest, secret: await vault.seal(secret) },
});

async function adopt(credential: string, secret: Secret | null, handedIn: string | null = null): Promise<boolean> {
  const key = { account: 'org', keyId: credential, keyName: credential };
  const sealed = secret && (await vault.seal(secret));
  const digests = { fingerprint: secret?.fingerprint ?? null, digest: secret?.digest ?? null };
  return (await ledger.adopt(credential, { ...key, ...digests, secret: sealed, handedIn }, tester)).adopted;
}

const refOf = async (credential: string) => (await ledger.versions(credential))[0]?.secretRef ?? null;
const strays = async () =>
  (
    await database.query<{ ref: string }>(
      'select ref from vault_secrets s where not exists (select 1 from versions v where v.secret_ref = s.ref)',
    )
  ).rows.map(({ ref }) => ref);

describe('a master key', () => {
  it('is replaced, and every value opens under the new one', async () => {
    const secret = random();
    const ref = await vault.keep(secret);
    expect(await vault.rewrap(newKey(keys))).toBeGreaterThan(0);
    expect((await vault.open(ref)).equals(secret)).toBe(true);
    await vault.discard(ref);
  });

  it('that is switched between the sealing and the commit costs no secret: it is committed under the new one', async () => {
    const [secret, next] = [random(), newKey(keys)];
    await ledger.once(await openStep('rewrapped'), quick, async (attempt) => {
      attempt.stage(await addingOf(secret, 'k-rewrapped'));
      await vault.rewrap(next);
      return {};
    });
    const ref = (await refOf('rewrapped'))!;
    expect((await vault.open(ref)).equals(secret)).toBe(true);
    expect((await sealedSecrets(database).find(ref))?.masterKey).toBe(next);
  });

  it('that is switched to one that this machine does not have costs none either, and the next rewrap takes it along', async () => {
    const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'rekey-keys-'));
    for (const name of readdirSync(keys)) copyFileSync(path.join(keys, name), path.join(elsewhere, name));
    const there = new EnvelopeVault(sealedSecrets(database), new KeyFolder(elsewhere, 'vault'));
    const secret = random();
    await ledger.once(await openStep('far'), quick, async (attempt) => {
      attempt.stage(await addingOf(secret, 'k-far'));
      await there.rewrap(newKey(elsewhere));
      return {};
    });
    const ref = (await refOf('far'))!;
    expect((await there.open(ref)).equals(secret)).toBe(true);
    const next = newKey(elsewhere);
    copyFileSync(path.join(elsewhere, `vault-${next}.key`), path.join(keys, `vault-${next}.key`));
    expect(await there.rewrap(next)).toBeGreaterThan(0);
    expect((await vault.open(ref)).equals(secret)).toBe(true);
  });
});

describe('a secret that was handed in', () => {
  it('leaves no copy, whether the key is adopted, was adopted already, or learns its secret', async () => {
    const before = await strays();
    const [secret, other] = [random(), random()];
    expect(await adopt('adopted', secret, await vault.keep(secret))).toBe(true);
    expect(await adopt('adopted', secret, await vault.keep(secret))).toBe(false);
    expect(await adopt('raced', other)).toBe(true);
    expect(await adopt('raced', secret, await vault.keep(secret))).toBe(false);
    expect(await adopt('learned', null)).toBe(true);
    expect(await adopt('learned', secret, await vault.keep(secret))).toBe(true);
    expect(await strays()).toEqual(before);
    for (const [credential, kept] of [['adopted', secret] as const, ['raced', other] as const, ['learned', secret] as const])
      expect((await vault.open((await refOf(credential))!)).equals(kept)).toBe(true);
  });

  it('goes in the transaction in which it is taken', async () => {
    const before = await strays();
    const step = await openStep('provided');
    const asked = await ledger.ask(step, null);
    const secret = random();
    const ref = await vault.keep(secret);
    const changes = [await addingOf(secret, 'k-provided'), { kind: 'discard-secret', ref } as const];
    await ledger.answered(step, asked.done ? '' : asked.attempt, { taken: true }, changes);
    expect(await strays()).toEqual(before);
    expect((await ledger.recorded(step))?.result).toEqual({ taken: true });
  });

  it('is gone after a day, if nobody has taken it', async () => {
    const [old, young] = [await vault.keep(random()), await vault.keep(random())];
    await database.query(`update vault_secrets set kept_at = clock_timestamp() - interval '25 hours' where ref = $1`, [old]);
    await ledger.sweep();
    expect(await strays()).toEqual(expect.arrayContaining([young]));
    expect(await strays()).not.toContain(old);
  });
});

describe('a version', () => {
  it('that is minted again has one secret in the vault', async () => {
    const before = await strays();
    const step = await openStep('minted');
    for (const key of ['mint', 'mint/again'])
      await ledger.once({ ...step, key }, quick, async (attempt) => {
        attempt.stage(await addingOf(random(), 'k-minted'));
        return {};
      });
    expect(await strays()).toEqual(before);
  });

  it('that was revoked keeps its secret for a week and while a rotation is open, then digest and fingerprint alone', async () => {
    const secrets = Object.fromEntries(['dead', 'open', 'fresh'].map((name) => [name, random()]));
    for (const [name, secret] of Object.entries(secrets)) await adopt(name, secret);
    const revoke = (name: string, ago: string) =>
      database.query(
        `update versions set state = 'revoked', changed_at = clock_timestamp() - $2::interval where credential = $1`,
        [name, ago],
      );
    await openStep('open');
    for (const [name, ago] of [['dead', '8 days'] as const, ['open', '8 days'] as const, ['fresh', '6 days'] as const])
      await revoke(name, ago);
    const live = await refOf('raced');
    await ledger.sweep();
    expect([await refOf('dead'), await refOf('raced')]).toEqual([null, live]);
    for (const name of ['open', 'fresh']) expect((await vault.open((await refOf(name))!)).equals(secrets[name]!)).toBe(true);
    const { rows } = await database.query(`select digest, fingerprint from versions where credential = 'dead'`);
    expect(rows).toEqual([{ digest: secrets.dead!.digest, fingerprint: secrets.dead!.fingerprint }]);
  });
});

describe('the vault', () => {
  it('refuses a secret that could be guessed', async () => {
    await expect(vault.seal(new Secret('0123456789abcdef'))).rejects.toMatchObject({ code: 'KR_WEAK_SECRET' });
  });

  it('is tried out in one transaction, and nothing is left of it', async () => {
    let transactions = 0;
    const counted: Database = {
      ...database,
      query: (sql) => expect.fail(`${sql} is a transaction of its own`),
      transaction: (work) => database.transaction((client) => work(transactions++ === 0 ? client : expect.fail('a second one'))),
    };
    const { masterKey } = sealedSecrets(database);
    const before = (await database.query('select 1 from vault_secrets')).rowCount;
    await new EnvelopeVault({ ...sealedSecrets(counted), masterKey }, new KeyFolder(keys, 'vault')).roundTrip();
    expect([transactions, (await database.query('select 1 from vault_secrets')).rowCount]).toEqual([1, before]);
  });

  it('never lets go of the secret of a version', async () => {
    await expect(vault.discard((await refOf('raced'))!)).rejects.toMatchObject({ code: 'KR_INTERNAL' });
  });
});
