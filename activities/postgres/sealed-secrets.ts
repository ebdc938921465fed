/** Owns the rows of the vault: sealed values, and which master key is the current one. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { SealedSecret, SealedSecrets } from '../ports/vault.js';
import type { Database, Queryable } from './pool.js';

interface SealedRow {
  readonly ref: string;
  readonly master_key: string;
  readonly wrapped_key: Buffer;
  readonly sealed: Buffer;
}

export function sealedSecrets(database: Database): SealedSecrets {
  return {
    async masterKey(first) {
      const { rows } = await database.query<{ master_key: string | null }>('select master_key from ledger');
      if (rows[0]?.master_key) return rows[0].master_key;
      // The first one to come decides; everybody else takes what was decided.
      const { rows: decided } = await database.query<{ master_key: string }>(
        'update ledger set master_key = coalesce(master_key, $1) returning master_key',
        [first()],
      );
      return decided[0]!.master_key;
    },

    async find(ref) {
      const { rows } = await database.query<SealedRow>(
        'select ref, master_key, wrapped_key, sealed from vault_secrets where ref = $1',
        [ref],
      );
      return rows[0] ? toSealed(rows[0]) : null;
    },

    store: (value) => database.transaction((client) => storeSealed(client, value)),
    remove: async (ref) => void (await database.query('delete from vault_secrets where ref = $1', [ref])),

    rewrap: (to, rewrapped) =>
      database.transaction(async (client) => {
        // Alone: a value that is being sealed under the old key is either seen here, or refused by
        // `storeSealed`.
        await client.query('select master_key from ledger for update');
        const { rows } = await client.query(
          'select ref, master_key, wrapped_key, sealed from vault_secrets where master_key <> $1',
          [to],
        );
        for (const row of rows as SealedRow[])
          await client.query('update vault_secrets set master_key = $2, wrapped_key = $3 where ref = $1', [
            row.ref,
            to,
            rewrapped(toSealed(row)),
          ]);
        await client.query('update ledger set master_key = $1', [to]);
        return rows.length;
      }),
  };
}

/**
 * Writes a sealed value within the caller's transaction, under a shared lock on the current master
 * key: a switch waits for it, or makes it repeat.
 */
export async function storeSealed(client: Queryable, value: SealedSecret): Promise<void> {
  const { rows } = await client.query('select master_key from ledger for share');
  if ((rows[0] as { master_key: string | null }).master_key !== value.masterKey)
    throw new RekeyError('KR_VAULT_KEY_RETIRED', `the vault key ${value.masterKey} is not the current one`);
  await client.query(
    'insert into vault_secrets (ref, master_key, wrapped_key, sealed) values ($1,$2,$3,$4) on conflict (ref) do nothing',
    [value.ref, value.masterKey, value.wrappedKey, value.sealed],
  );
}

const toSealed = (row: SealedRow): SealedSecret => ({
  ref: row.ref,
  masterKey: row.master_key,
  wrappedKey: row.wrapped_key,
  sealed: row.sealed,
});
