/** Owns the applied configurations and the keys that were adopted through them. */
import type { Configuration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { CredentialSpec, Json } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson, differing } from '../../workflows/domain/json.js';
import type { Order } from '../../workflows/domain/records.js';
import { keepsStanding, standsOnOf } from '../../workflows/domain/stands-on.js';
import type { Who } from '../../workflows/domain/who.js';
import type { NewSecret } from '../ports/vault.js';
import { appendAudit } from './audit.js';
import { changesDue, scheduleFromVersion } from './calendar.js';
import { requireUnleaked } from './incidents.js';
import { consumeOrder } from './orders.js';
import type { Asking, Queryable } from './pool.js';
import type { RunRow } from './rows.js';
import { removeSealed, storeSealed } from './sealed-secrets.js';

/**
 * Keeps the configuration and its credentials; a credential whose rotation is open may not change.
 * The same configuration again changes nothing.
 */
export async function saveConfiguration(
  client: Queryable,
  order: Order,
  configuration: Configuration,
  hash: string,
  by: Who,
): Promise<{ changed: boolean }> {
  // One after the other: two that are applied at once must not mix.
  await client.query('select pg_advisory_xact_lock(hashtext($1))', ['rekey:apply']);
  await consumeOrder(client, order);
  const current = await readConfiguration(client);
  if (current?.hash === hash) return { changed: false };

  await client.query('insert into configurations (hash, document, applied_by) values ($1, $2, $3)', [hash, configuration, by]);
  await requireStanding(client, configuration);
  await client.query('update credentials set declared = false where not (name = any($1))', [
    Object.keys(configuration.credentials),
  ]);
  for (const spec of Object.values(configuration.credentials)) {
    const before = (await client.query('select spec from credentials where name = $1', [spec.name])).rows[0] as
      | { spec: CredentialDeclaration }
      | undefined;
    await client.query(
      `insert into credentials (name, store, strategy, spec, labels) values ($1,$2,$3,$4,$5)
       on conflict (name) do update set store = excluded.store, strategy = excluded.strategy, spec = excluded.spec,
         labels = excluded.labels, declared = true`,
      [spec.name, spec.store, spec.strategy, spec, spec.labels],
    );
    if (!before || canonicalJson(before.spec as never) !== canonicalJson(spec as never)) {
      await appendAudit(client, spec.name, { kind: 'declare', who: by, body: { configuration: hash } });
      if (changesDue(before?.spec, spec)) await scheduleFromVersion(client, spec.name);
    }
  }
  return { changed: true };
}

/**
 * Throws KR_SPEC_FROZEN where an open run needs what would be changed. Where its management
 * credential is found may change: the run is told.
 */
async function requireStanding(client: Queryable, configuration: Configuration): Promise<void> {
  await client.query(
    `select 1 from credentials where name in (select credential from runs where outcome is null) order by name for no key update`,
  );
  const { rows } = await client.query('select id, credential, spec, stands_on from runs where outcome is null order by id');
  for (const run of rows as Pick<RunRow, 'id' | 'credential' | 'spec' | 'stands_on'>[]) {
    const refuse = (what: string) => new RekeyError('KR_SPEC_FROZEN', `${run.id} is open and stands on it: ${what}`);
    const next = configuration.credentials[run.credential];
    if (!next) throw refuse(`credentials.${run.credential} would be removed`);
    const changed = differing(frozenPart(run.spec), frozenPart(next));
    if (changed.length > 0) throw refuse(`credentials.${run.credential} would be changed (${changed.join(', ')})`);
    const stands = keepsStanding(run.stands_on, configuration);
    if (!stands.ok) throw refuse(stands.message);
    await client.query('update runs set stands_on = $2 where id = $1 and stands_on <> $2', [
      run.id,
      standsOnOf(configuration, run.spec),
    ]);
  }
}

export async function readConfiguration(client: Asking): Promise<{ configuration: Configuration; hash: string } | null> {
  const { rows } = await client.query<{ document: Configuration; hash: string }>(
    'select document, hash from configurations order by position desc limit 1',
  );
  const row = rows[0];
  return row ? { configuration: row.document, hash: row.hash } : null;
}

export async function readConfigurationHash(client: Asking): Promise<string | null> {
  const { rows } = await client.query<{ hash: string }>('select hash from configurations order by position desc limit 1');
  return rows[0]?.hash ?? null;
}

export async function readCredential(client: Asking, name: string): Promise<CredentialDeclaration> {
  const { rows } = await client.query<{ spec: CredentialDeclaration }>(
    'select spec from credentials where name = $1 and declared',
    [name],
  );
  const row = rows[0];
  if (!row) throw new RekeyError('KR_NOT_FOUND', `credential ${name}`);
  return row.spec;
}

export interface AdoptedVersion {
  readonly account: string;
  readonly keyId: string;
  readonly keyName: string;
  readonly fingerprint: string | null;
  readonly digest: string | null;
  readonly secret: NewSecret | null;
  readonly handedIn: string | null;
}

/**
 * Records an existing key as the active version. A credential that has one keeps it: to replace it
 * is what a rotation is for.
 */
export async function adopt(
  client: Queryable,
  credential: string,
  version: AdoptedVersion,
  by: Who,
): Promise<{ generation: number; adopted: boolean }> {
  const row = (await client.query('select generation_taken from credentials where name = $1 for no key update', [credential]))
    .rows[0] as { generation_taken: number } | undefined;
  if (!row) throw new RekeyError('KR_NOT_FOUND', `credential ${credential}`);
  const active = (
    await client.query(`select generation, key_id, fingerprint from versions where credential = $1 and state = 'active'`, [
      credential,
    ])
  ).rows[0] as { generation: number; key_id: string; fingerprint: string | null } | undefined;
  await requireUnleaked(client, version.digest);
  const learnsSecret = active?.key_id === version.keyId && active.fingerprint === null;
  if (version.secret && (!active || learnsSecret)) await storeSealed(client, version.secret);
  if (version.handedIn) await removeSealed(client, version.handedIn);
  if (active) {
    if (learnsSecret && version.secret) {
      await client.query(
        'update versions set fingerprint = $3, digest = $5, secret_ref = $4 where credential = $1 and generation = $2',
        [credential, active.generation, version.fingerprint, version.secret.ref, version.digest],
      );
      await appendAudit(client, credential, {
        kind: 'adopt-secret',
        who: by,
        body: { generation: active.generation, fingerprint: version.fingerprint },
      });
    }
    return { generation: active.generation, adopted: learnsSecret && version.secret !== null };
  }
  const generation = row.generation_taken + 1;
  await client.query('update credentials set generation_taken = $2 where name = $1', [credential, generation]);
  await client.query(
    `insert into versions (credential, generation, state, account, key_id, key_name, origin, fingerprint, digest, secret_ref) values ($1,$2,'active',$3,$4,$5,'adopted',$6,$7,$8)`,
    [
      credential,
      generation,
      version.account,
      version.keyId,
      version.keyName,
      version.fingerprint,
      version.digest,
      version.secret?.ref ?? null,
    ],
  );
  await scheduleFromVersion(client, credential);
  await appendAudit(client, credential, {
    kind: 'adopt',
    who: by,
    body: { generation, keyId: version.keyId, fingerprint: version.fingerprint },
  });
  return { generation, adopted: true };
}

/**
 * Everything that a running rotation relies on; `current` is looked at only when a key is adopted,
 * and labels are for people.
 */
function frozenPart(spec: CredentialSpec): Readonly<Record<string, Json>> {
  const { current: _, labels: __, ...frozen } = spec as CredentialDeclaration;
  return frozen as never;
}
