/** Owns how a staged change becomes rows, within the transaction that commits a step's outcome. */

import { RekeyError } from '../../workflows/domain/errors.js';
import { transition, type VersionState } from '../../workflows/domain/states.js';
import type { Change } from '../ports/journal.js';
import { markDead, markLate, markReplaced, requireUnleaked } from './incidents.js';
import type { Queryable } from './pool.js';
import { removeSealed, storeSealed } from './sealed-secrets.js';

interface ChangeTarget {
  readonly run: string;
  readonly credential: string;
}

/** Secrets first, in the order of locks. */
export async function applyChanges(client: Queryable, target: ChangeTarget, changes: readonly Change[]): Promise<void> {
  for (const change of changes) if (change.kind === 'add-version') await storeSealed(client, change.secret);
  for (const change of changes) await applyChange(client, target, change);
}

async function applyChange(client: Queryable, target: ChangeTarget, change: Change): Promise<void> {
  switch (change.kind) {
    case 'add-version': {
      await requireUnleaked(client, change.digest);
      const { rows } = await client.query(
        `with before as (select secret_ref from versions where credential = $1 and generation = $2)
         insert into versions (credential, generation, state, account, key_id, key_name, origin, fingerprint, digest, secret_ref) values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)
         on conflict (credential, generation) do update set fingerprint = excluded.fingerprint, digest = excluded.digest, secret_ref = excluded.secret_ref,
           key_id = excluded.key_id, key_name = excluded.key_name, changed_at = clock_timestamp()
         returning (select secret_ref from before) as replaced`,
        [
          target.credential,
          change.generation,
          change.state,
          change.account,
          change.keyId,
          change.keyName,
          change.origin,
          change.fingerprint,
          change.digest,
          change.secret.ref,
        ],
      );
      const { replaced } = rows[0] as { replaced: string | null };
      if (replaced !== null) await removeSealed(client, replaced);
      return;
    }
    case 'discard-secret':
      await removeSealed(client, change.ref);
      return;
    case 'move-version': {
      const { rows } = await client.query('select state from versions where credential = $1 and generation = $2 for update', [
        target.credential,
        change.generation,
      ]);
      const row = rows[0] as { state: VersionState } | undefined;
      if (!row) throw new RekeyError('KR_INTERNAL', `${target.credential} has no generation ${change.generation}`);
      await client.query(
        'update versions set state = $3, changed_at = clock_timestamp() where credential = $1 and generation = $2',
        [target.credential, change.generation, transition(row.state, change.event)],
      );
      return;
    }
    case 'rename-version':
      await client.query('update versions set key_name = $3 where credential = $1 and generation = $2', [
        target.credential,
        change.generation,
        change.keyName,
      ]);
      return;
    case 'freeze-targets':
      await client.query('update runs set targets = $2, plan_hash = $3 where id = $1 and targets is null', [
        target.run,
        JSON.stringify(change.targets),
        change.planHash,
      ]);
      return;
    case 'freeze-identities':
      await client.query('update runs set store_identity = $2, host_identities = $3 where id = $1 and host_identities is null', [
        target.run,
        change.identities.store,
        change.identities.hosts,
      ]);
      return;
    case 'cutover':
      await client.query('update runs set cutover_at = clock_timestamp() where id = $1', [target.run]);
      return;
    case 'replaced':
      await markReplaced(client, target);
      return;
    case 'dead':
      await markDead(client, target.credential, change.generation);
      return;
    case 'late':
      await markLate(client, target.credential, change);
      return;
    case 'meet-hosts':
      // Whom the run has met before stays who it was.
      await client.query('update runs set host_identities = $2::jsonb || host_identities where id = $1', [
        target.run,
        change.hosts,
      ]);
      return;
  }
}
