/** A report of leaked values, against all versions that a real ledger ever knew. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import { Secret } from '../../activities/ports/secret.js';
import { openLedger } from '../../activities/postgres/ledger.js';
import type { Database } from '../../activities/postgres/pool.js';
import { sealedSecrets } from '../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../activities/vault/vault.js';
import type { Installation } from '../../client/environment.js';
import { readReport } from '../../client/leaks/report.js';
import { Access } from '../../client/operations/access.js';
import { matchLeaks } from '../../client/operations/match-leaks.js';
import { cloneDatabase } from '../support/database.js';
import { declared, declaring } from '../support/declared.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

let database: Database;
let ledger: Ledger;
let vault: EnvelopeVault;
let access: Access;

const secretOf = (name: string): string => `MARK${Buffer.from(name).toString('hex').padEnd(32, '7a')}`;
const uuidOf = (name: string): string =>
  `${Buffer.from(name).toString('hex').padEnd(8, '0').slice(0, 8)}-24f7-4b1d-8c05-e7a2f9c31d01`;
/** What the ledger knows of each when the tests begin. */
const names = {
  live: { keyId: uuidOf('live'), secret: secretOf('live') },
  dead: { keyId: uuidOf('dead'), secret: secretOf('dead') },
  // An id with letters of another alphabet, whose hash the database has to make of the same bytes.
  unseen: { keyId: 'schlüssel-24f7', secret: null },
  hidden: { keyId: uuidOf('hidden'), secret: null },
  // SOAR counts its keys.
  counted: { keyId: '17', secret: null },
  // In Algolia the id is the secret: the ledger keeps what stands for it.
  algolia: { keyId: new Secret(secretOf('algolia')).handle, secret: secretOf('algolia') },
} as const;

beforeAll(async () => {
  const cloned = await cloneDatabase();
  database = cloned.database;
  ledger = await openLedger(database);
  vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder(inject('servers').keys, 'vault'));
  access = new Access(() => ({ databaseUrl: cloned.url, passwordFile: null }) as Installation);
  await ledger.saveConfiguration(anOrder(), declaring(...Object.keys(names).map((name) => declared(name))), 'h1', tester);
  for (const [name, { keyId, secret }] of Object.entries(names)) {
    const known = secret === null ? null : new Secret(secret);
    const [fingerprint, digest] = [known?.fingerprint ?? null, known?.digest ?? null];
    const version = { account: 'org', keyId, keyName: name, fingerprint, digest, handedIn: null };
    await ledger.adopt(name, { ...version, secret: known && (await vault.seal(known)) }, tester);
  }
  await database.query(`update versions set state = 'revoked' where credential = 'dead'`);
});
afterAll(() => access.close());

const match = (...lines: readonly string[]) => matchText(lines.join('\n'));

async function matchText(text: string, by = access) {
  async function* source() {
    yield Buffer.from(text);
  }
  return matchLeaks(tester, by, await readReport(source()));
}

const shown = { generation: 1, store: 'dd', leakedAt: null };

describe('a report', () => {
  it('names what is alive, what is dead already, and counts what is nobody’s', async () => {
    const found = await match(secretOf('algolia'), secretOf('live'), secretOf('dead'), secretOf('nobody'), 'f'.repeat(64));
    expect(found.live).toEqual([
      { ...shown, credential: 'algolia', state: 'active', recognizedBy: 'value', secretKnown: true },
      { ...shown, credential: 'live', state: 'active', recognizedBy: 'value', secretKnown: true },
    ]);
    expect(found.alreadyDead).toEqual([
      { ...shown, credential: 'dead', state: 'revoked', recognizedBy: 'value', secretKnown: true },
    ]);
    expect(found.unknownValues).toBe(2);
    expect(found.notComparable.versions).toEqual(['counted#1', 'hidden#1', 'unseen#1']);
  });

  it('recognizes by its id whose secret was never seen, but not by a number that could be any', async () => {
    const found = await match(names.unseen.keyId, names.counted.keyId, names.live.keyId);
    expect(found.live).toEqual([
      { ...shown, credential: 'live', state: 'active', recognizedBy: 'key-id', secretKnown: true },
      { ...shown, credential: 'unseen', state: 'active', recognizedBy: 'key-id', secretKnown: false },
    ]);
    expect(found.unknownValues).toBe(1);
    expect(found.notComparable.versions).toEqual(['counted#1', 'hidden#1']);
  });

  it('with an id that several versions had one after the other is about the newest', async () => {
    await database.query(
      `insert into versions (credential, generation, state, account, key_id, origin) values ('dead', 2, 'active', 'org', $1, 'regenerated')`,
      [names.dead.keyId],
    );
    const found = await match(names.dead.keyId);
    expect(found.alreadyDead).toEqual([]);
    expect(found.live).toMatchObject([{ credential: 'dead', generation: 2, recognizedBy: 'key-id' }]);
  });

  it('of a million lines is matched in seconds: a hundred thousand values with tens of thousands of versions', async () => {
    for (let from = 2; from < 30_000; from += 10_000)
      await database.query(
        `insert into versions (credential, generation, state, account, key_id, origin, fingerprint, digest)
         select 'hidden', n, 'revoked', 'org', 'of hidden, number ' || n, 'minted', 'f', encode(sha256(n::text::bytea), 'hex')
         from generate_series($1::int, $1 + 9999) n`,
        [from],
      );
    const values = Array.from({ length: 99_999 }, (_, index) => secretOf(`of somebody else ${index}`));
    const lines = Array.from({ length: 1_000_000 }, (_, index) => values[index % values.length]!);
    const started = performance.now();
    const found = await matchText([...lines, secretOf('live')].join('\n'));
    expect(found.live).toMatchObject([{ credential: 'live', recognizedBy: 'value' }]);
    expect(found.unknownValues).toBe(99_999);
    // A bound on a hang; it takes some seconds.
    expect(performance.now() - started).toBeLessThan(120_000);
  });

  it('leaves nothing of itself: not in the answer, not in what PostgreSQL was asked or keeps', async () => {
    const found = await match(secretOf('live'), secretOf('nobody'));
    expect(JSON.stringify(found) + inspect(found, { depth: null, showHidden: true })).not.toContain('MARK');
    const { rows } = await database.query(`select query from pg_stat_activity where application_name = 'rekey-cli'`);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain('MARK');
  });

  it('is answered by an error of ours when the ledger is away, and nothing of it is in there', async () => {
    const gone = new Access(() => ({ databaseUrl: 'postgresql://nobody@127.0.0.1:1/none', passwordFile: null }) as Installation);
    const error: unknown = await matchText(secretOf('live'), gone).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'KR_SERVICE_AWAY' });
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('MARK');
  });

  it('is looked up by indexes, however many versions there are', async () => {
    const plan = await database.transaction(async (tx) => {
      await tx.query('set local enable_seqscan = off');
      const some = `array['${'a'.repeat(64)}']`;
      return tx.query(`explain select * from known_keys where digest = any(${some}) or key_id_handle = any(${some})`);
    });
    const text = JSON.stringify(plan.rows);
    expect([text.includes('versions_digest'), text.includes('versions_key_id_handle')]).toEqual([true, true]);
  });
});
