/**
 * Owns the order in which transactions take their locks, so that no two wait for each other in a
 * ring. A credential's row comes first wherever a transaction writes under it, and every event of
 * the audit trail does.
 */
import type { Queryable } from './pool.js';

/** What stands in one line is guarded by the run's lock, and may be taken in any order. */
export const lockOrder: readonly (readonly string[])[] = [
  ['orders'],
  // One `apply` at a time, by an advisory lock: it alone writes under more than one credential.
  ['configurations'],
  ['credentials'],
  ['runs'],
  ['incidents'],
  // Looks are begun by one statement outside of any transaction, in the order of their subjects.
  ['steps', 'intents', 'waits', 'verbs', 'observations'],
  // Those of one run by their names.
  ['leases'],
  // The one row that says which master key is the current one.
  ['ledger'],
  ['vault_secrets'],
  ['versions'],
  ['incident_items'],
  ['audit_events'],
  ['outbox'],
];

/** `no key`: rows that only refer to it do not wait. */
export async function lockCredential(client: Queryable, name: string): Promise<void> {
  await client.query('select 1 from credentials where name = $1 for no key update', [name]);
}
