/**
 * Owns the guard of whatever takes a version away: it looks once more, within the very attempt, and
 * refuses with nothing sent.
 */
import type { ErrorCode } from '../../workflows/domain/errors.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import { mayRevoke, type RevokeBlock } from '../../workflows/domain/revoke.js';
import { type ObservationDeps, requiredOf, secretOf, sleep, within } from '../deps.js';
import { acceptedEverywhere, type KeyStoreView, type StoreAccount } from '../ports/key-store.js';

/** What the workflow does about a refusal: look again, ask the consumers again, or give up. */
const codes: Partial<Record<RevokeBlock, ErrorCode>> = {
  stale: 'KR_GUARD_STALE',
  'consumers-behind': 'KR_CONSUMER_BEHIND',
  'source-behind': 'KR_CONSUMER_BEHIND',
};

/** `account`: as it was when this attempt began. */
export interface GuardContext {
  readonly store: KeyStoreView;
  readonly account: StoreAccount;
  readonly run: RunRecord;
}

/** Throws KR_GUARD_STALE, KR_CONSUMER_BEHIND or KR_GUARD_REFUSED. */
export async function requireMayTakeAway(
  deps: ObservationDeps,
  { store, account, run }: GuardContext,
  target: VersionRecord,
  survivor: VersionRecord,
  signal: AbortSignal,
): Promise<void> {
  // What goes while compensating is the new version: then only those that were ever handed it must
  // prove to be off it.
  const back = run.direction === 'back';
  const delivered = back ? new Set(await deps.ledger.deliveredTo(run.id)) : null;
  const required = requiredOf(run)
    .map((c) => c.name)
    .filter((name) => !delivered || delivered.has(name));
  const decision = mayRevoke(
    {
      isManagementKey: account.managementKeyId === target.keyId,
      target: target.generation,
      survivor: survivor.generation,
      keysInStore: store.capabilities.listsKeys ? account.keys : null,
      minimumKeys: store.capabilities.minKeys,
      survivorProvedNow: await isAliveNow(deps, store, survivor, signal),
      required,
      inspections: await deps.ledger.inspections(run.id),
    },
    { evidence: run.spec.policy.evidence, accept: run.spec.accept },
  );
  if (!decision.ok) throw new RekeyError(codes[decision.reason] ?? 'KR_GUARD_REFUSED', `${decision.reason}: ${decision.message}`);
}

/**
 * An endpoint may be slow to learn, or busy, for a moment; where a refused login counts towards a
 * lock it is asked once.
 */
async function isAliveNow(
  deps: ObservationDeps,
  store: KeyStoreView,
  version: VersionRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const key = { keyId: version.keyId, secret: await secretOf(deps, version) };
  for (let tries = store.capabilities.probeRetryOn401 ? 3 : 1; tries > 0; tries--) {
    if (acceptedEverywhere(await store.probe(key, within(signal, store.capabilities.timing.request)))) return true;
    if (tries > 1) await sleep(100);
  }
  return false;
}
