/** Owns the rows of the vault: sealed values, and which master key is the current one. */
import type { NewSecret, SealedSecret, SealedSecrets } from '../ports/vault.js';
import type { Asking, Database, Queryable } from './pool.js';

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

    find: (ref) => findSealed(database, ref),

    store: (value) => database.transaction((client) => storeSealed(client, value)),
    remove: (ref) => removeSealed(database, ref),

    passThrough: (value) =>
      database.transaction(async (client) => {
        await storeSealed(client, value);
        const read = await findSealed(client, value.ref);
        await removeSealed(client, value.ref);
        return read!;
      }),

    rewrap: (to, rewrapped) =>
      database.transaction(async (client) => {
        // Alone: a value that was sealed under the old key is either seen here, or `storeSealed`
        // writes it under the new one.
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

async function findSealed(client: Asking, ref: string): Promise<SealedSecret | null> {
  const { rows } = await client.query<SealedRow>(
    'select ref, master_key, wrapped_key, sealed from vault_secrets where ref = $1',
    [ref],
  );
  return rows[0] ? toSealed(rows[0]) : null;
}

/**
 * Writes a sealed value within the caller's transaction, under a shared lock on the current master
 * key: a switch waits for it, and one that came first is followed.
 */
export async function storeSealed(client: Queryable, value: NewSecret): Promise<void> {
  const { rows } = await client.query('select master_key from ledger for share');
  const { ref, masterKey, wrappedKey, sealed } = value.under((rows[0] as { master_key: string }).master_key);
  await client.query(
    'insert into vault_secrets (ref, master_key, wrapped_key, sealed) values ($1,$2,$3,$4) on conflict (ref) do nothing',
    [ref, masterKey, wrappedKey, sealed],
  );
}

/** One that a version refers to is not removed: the database refuses it. */
export async function removeSealed(client: Asking, ref: string): Promise<void> {
  await client.query('delete from vault_secrets where ref = $1', [ref]);
}

/**
 * Removes what nobody needs any more: secrets of versions that were revoked `keepRevoked` ago and
 * that no open run may ask for, and what was handed in a day ago and never taken. It waits for
 * nobody: what is locked is left to the next time.
 */
export async function forgetSecrets(client: Queryable): Promise<void> {
  await client.query(
    `with gone as (
       select s.ref from vault_secrets s left join versions v on v.secret_ref = s.ref left join credentials c on c.name = v.credential
       where case when v.secret_ref is null then s.kept_at < clock_timestamp() - interval '1 day'
         else v.state = 'revoked'
           and v.changed_at < clock_timestamp() - (c.spec->'policy'->>'keepRevoked')::bigint * interval '1 millisecond'
           and not exists (select 1 from runs r where r.credential = c.name and r.outcome is null) end
       limit 100 for update of s skip locked
     ), forgotten as (
       update versions v set secret_ref = null from gone where v.secret_ref = gone.ref
     )
     delete from vault_secrets s using gone where s.ref = gone.ref`,
  );
}

const toSealed = (row: SealedRow): SealedSecret => ({
  ref: row.ref,
  masterKey: row.master_key,
  wrappedKey: row.wrapped_key,
  sealed: row.sealed,
});
