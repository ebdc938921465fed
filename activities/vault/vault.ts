/** Owns the envelope encryption of secret values: a data key for each value, wrapped by a master key that has an id and lives in a file beside, never in, the database. */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { RekeyError } from '../../workflows/domain/errors.js';
import { Secret } from '../ports/secret.js';
import type { SealedSecret, Vault } from '../ports/vault.js';
import type { Database, Queryable } from '../postgres/pool.js';

/** Reads `<kind>-<id>.key` files (32 bytes, base64) afresh, so that a key that was put there is found without a restart. */
export class KeyFolder {
  constructor(
    private readonly folder: string,
    private readonly kind: 'vault' | 'codec',
  ) {}

  ids(): readonly string[] {
    const pattern = new RegExp(`^${this.kind}-([0-9a-z]+)\\.key$`);
    return readdirSync(this.folder)
      .flatMap((name) => pattern.exec(name)?.[1] ?? [])
      .sort();
  }

  get(id: string): Buffer {
    let text: string;
    try {
      text = readFileSync(path.join(this.folder, `${this.kind}-${id}.key`), 'utf8');
    } catch {
      throw new RekeyError('KR_VAULT_KEY_MISSING', `the key ${this.kind}-${id} is not in the keys folder of this machine`);
    }
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length !== 32) throw new RekeyError('KR_VAULT_KEY_MISSING', `the key file ${this.kind}-${id} does not hold 32 bytes`);
    return key;
  }
}

export class PostgresVault implements Vault {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyFolder,
  ) {}

  async seal(secret: Secret): Promise<SealedSecret> {
    requireStrength(secret);
    const masterKey = await this.currentMasterKey();
    return sealUnder(masterKey, this.keys.get(masterKey), randomUUID(), Buffer.from(secret.reveal(), 'utf8'));
  }

  async open(ref: string): Promise<Secret> {
    const { rows } = await this.database.query<SealedRow>(
      'select master_key, wrapped_key, sealed from vault_secrets where ref = $1',
      [ref],
    );
    const row = rows[0];
    // References are made by commits: one that leads to nothing was lost with them.
    if (!row) throw new RekeyError('KR_LEDGER_BEHIND', `the vault does not know ${ref}`);
    return new Secret(openUnder(this.keys.get(row.master_key), ref, row).toString('utf8'));
  }

  async discard(ref: string): Promise<void> {
    await this.database.query('delete from vault_secrets where ref = $1', [ref]);
  }

  async roundTrip(): Promise<void> {
    const value = new Secret(randomBytes(32).toString('hex'));
    const sealed = await this.seal(value);
    await this.database.transaction((client) => storeSealed(client, sealed));
    const same = (await this.open(sealed.ref)).equals(value);
    await this.discard(sealed.ref);
    if (!same) throw new RekeyError('KR_INTERNAL', 'the vault gave back another value than it was given');
  }

  /** Rewraps every data key under `to` and makes it current; values themselves are not touched. Returns how many were rewrapped. */
  async rewrap(to: string): Promise<number> {
    const next = this.keys.get(to);
    return this.database.transaction(async (client) => {
      // Alone: a value that is being sealed under the old key is either seen here, or refused by `storeSealed`.
      await client.query('select master_key from ledger for update');
      const { rows } = await client.query('select ref, master_key, wrapped_key from vault_secrets where master_key <> $1', [to]);
      for (const row of rows as { ref: string; master_key: string; wrapped_key: Buffer }[]) {
        const dataKey = decrypt(this.keys.get(row.master_key), row.wrapped_key, `wrap:${row.ref}:${row.master_key}`);
        await client.query('update vault_secrets set master_key = $2, wrapped_key = $3 where ref = $1', [
          row.ref,
          to,
          encrypt(next, dataKey, `wrap:${row.ref}:${to}`),
        ]);
      }
      await client.query('update ledger set master_key = $1', [to]);
      return rows.length;
    });
  }

  private async currentMasterKey(): Promise<string> {
    const { rows } = await this.database.query<{ master_key: string | null }>('select master_key from ledger');
    if (rows[0]?.master_key) return rows[0].master_key;
    const first = this.keys.ids()[0];
    if (!first) throw new RekeyError('KR_VAULT_KEY_MISSING', 'there is no vault key in the keys folder');
    // The first one to come decides; everybody else takes what was decided.
    const { rows: decided } = await this.database.query<{ master_key: string }>(
      'update ledger set master_key = coalesce(master_key, $1) returning master_key',
      [first],
    );
    return decided[0]!.master_key;
  }
}

/** Writes a sealed value within the caller's transaction, under a shared lock on the current master key: a switch waits for it, or makes it repeat. */
export async function storeSealed(client: Queryable, value: SealedSecret): Promise<void> {
  const { rows } = await client.query('select master_key from ledger for share');
  if ((rows[0] as { master_key: string | null }).master_key !== value.masterKey)
    throw new RekeyError('KR_VAULT_KEY_RETIRED', `the vault key ${value.masterKey} is not the current one`);
  await client.query(
    'insert into vault_secrets (ref, master_key, wrapped_key, sealed) values ($1,$2,$3,$4) on conflict (ref) do nothing',
    [value.ref, value.masterKey, value.wrappedKey, value.sealed],
  );
}

interface SealedRow {
  readonly master_key: string;
  readonly wrapped_key: Buffer;
  readonly sealed: Buffer;
}

function sealUnder(masterKey: string, master: Buffer, ref: string, value: Buffer): SealedSecret {
  const dataKey = randomBytes(32);
  return {
    ref,
    masterKey,
    wrappedKey: encrypt(master, dataKey, `wrap:${ref}:${masterKey}`),
    sealed: encrypt(dataKey, value, `value:${ref}`),
  };
}

function openUnder(master: Buffer, ref: string, row: SealedRow): Buffer {
  return decrypt(decrypt(master, row.wrapped_key, `wrap:${ref}:${row.master_key}`), row.sealed, `value:${ref}`);
}

/** AES-256-GCM as nonce, tag, text. What the value belongs to is bound in, so that a row cannot be put in another's place. */
export function encrypt(key: Buffer, plain: Buffer, belongsTo: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(belongsTo));
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

export function decrypt(key: Buffer, sealed: Buffer, belongsTo: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
    .setAAD(Buffer.from(belongsTo))
    .setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
}

/**
 * Refuses a secret whose fingerprint could be guessed back: under 128 bits by its alphabet and length. What cannot be judged, whether the
 * vendor's generator is random, is taken on trust.
 */
function requireStrength(secret: Secret): void {
  const value = secret.reveal();
  const alphabet = /^[0-9]+$/.test(value) ? 10 : /^[0-9a-f]+$/i.test(value) ? 16 : 62;
  if (value.length * Math.log2(alphabet) < 128)
    throw new RekeyError('KR_WEAK_SECRET', `a secret of ${value.length} characters has less than 128 random bits`);
}
