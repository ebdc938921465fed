/**
 * Owns the guard of whatever takes a version away: it looks once more, within the very attempt, and
 * refuses with nothing sent.
 */
import type { ErrorCode } from '../../workflows/domain/errors.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import { mayRevoke, type RevokeBlock } from '../../workflows/domain/revoke.js';
import { seenAs } from '../../workflows/domain/way-back.js';
import { type ObservationDeps, requiredOf, secretOf, sleep, within } from '../deps.js';
import { acceptedEverywhere, type KeyStoreView } from '../ports/key-store.js';

/** What the workflow does about a refusal: look again, ask the consumers again, or give up. */
const codes: Partial<Record<RevokeBlock, ErrorCode>> = {
  stale: 'KR_GUARD_STALE',
  'consumers-behind': 'KR_CONSUMER_BEHIND',
  'source-behind': 'KR_CONSUMER_BEHIND',
};

/** Throws KR_GUARD_STALE, KR_CONSUMER_BEHIND, KR_GUARD_REFUSED or KR_TARGET_CHANGED. */
export async function requireMayTakeAway(
  deps: ObservationDeps,
  store: KeyStoreView,
  run: RunRecord,
  target: VersionRecord,
  survivor: VersionRecord,
  signal: AbortSignal,
): Promise<void> {
  const account = await store.check(signal);
  if (account.identity !== target.account)
    throw new RekeyError('KR_TARGET_CHANGED', `${run.spec.store} is another account than the one that the key was made in`);
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
      keysInStore: await keysWithout(store, account.keys, target, signal),
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
 * How many keys there are, the one that goes included; null where they cannot be counted. One that
 * somebody else has deleted before is not counted any more, and its end leaves no fewer.
 */
async function keysWithout(
  store: KeyStoreView,
  keys: number,
  { keyId }: VersionRecord,
  signal: AbortSignal,
): Promise<number | null> {
  const { listsKeys, minKeys } = store.capabilities;
  if (!listsKeys) return null;
  return keys <= minKeys && (await store.describe(keyId, signal)) === null ? keys + 1 : keys;
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
  // Its secret was never ours: then the store's own word is asked for, where it has one.
  if (!version.secretRef) {
    const state = store.capabilities.listsKeys ? ((await store.describe(version.keyId, signal))?.state ?? null) : undefined;
    return seenAs({ accepted: null, state, undoDelete: store.capabilities.undoDelete }) === 'accepted';
  }
  const key = { keyId: version.keyId, secret: await secretOf(deps, version) };
  for (let tries = store.capabilities.probeRetryOn401 ? 3 : 1; tries > 0; tries--) {
    if (acceptedEverywhere(await store.probe(key, within(signal, store.capabilities.timing.request)))) return true;
    if (tries > 1) await sleep(100);
  }
  return false;
}
