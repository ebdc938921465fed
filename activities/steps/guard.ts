/**
 * Owns the guard of whatever takes a version away: it looks once more, within the very attempt, and
 * refuses with nothing sent.
 */
import type { ErrorCode } from '../../workflows/domain/errors.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { evidenceFor } from '../../workflows/domain/incident.js';
import type { DatedInspection } from '../../workflows/domain/observations.js';
import type { RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import { isFresh, lateOf, mayRevoke, type RevokeBlock } from '../../workflows/domain/revoke.js';
import { seenAs } from '../../workflows/domain/way-back.js';
import { type ObservationDeps, requiredOf, type StoreAsked, secretOf, sleep, within } from '../deps.js';
import { acceptedEverywhere, type KeyStoreView } from '../ports/key-store.js';

/** What the workflow does about a refusal: look again, ask the consumers again, or give up. */
const codes: Partial<Record<RevokeBlock, ErrorCode>> = {
  stale: 'KR_GUARD_STALE',
  'consumers-behind': 'KR_CONSUMER_BEHIND',
  'source-behind': 'KR_CONSUMER_BEHIND',
  // Somebody whom no inspection shows: everyone is asked, then handed the version again.
  'in-use': 'KR_CONSUMER_BEHIND',
};

/** What a guard allows, and only as long as the earliest look that it rests on is fresh. */
export interface Grant {
  /** Whom it leaves behind: the moment that an incident has set was there. */
  readonly late: readonly string[];
  /**
   * To be asked when nothing is left but to send: calls between the guard and the send take time.
   */
  requireFresh(): void;
}

/**
 * `since`: from before the guard's own first look. `inspections`: what else it rests on, with the
 * ages that they had at `readAt`.
 */
export function grantUntil(
  since: () => number,
  inspections: readonly Pick<DatedInspection, 'ageMs'>[],
  readAt: number,
  stale: ErrorCode = 'KR_GUARD_STALE',
  late: readonly string[] = [],
): Grant {
  const earliest = Math.max(0, ...inspections.map(({ ageMs }) => ageMs - readAt));
  return {
    late,
    requireFresh: () => {
      const ageMs = earliest + since();
      if (!isFresh(ageMs)) throw new RekeyError(stale, `stale: it was looked ${Math.round(ageMs / 1000)} s before the send`);
    },
  };
}

export interface GuardContext extends StoreAsked {
  readonly store: KeyStoreView;
  readonly run: RunRecord;
}

/** Throws KR_GUARD_STALE, KR_CONSUMER_BEHIND or KR_GUARD_REFUSED. */
export async function requireMayTakeAway(
  deps: ObservationDeps,
  { store, account, since, run }: GuardContext,
  target: VersionRecord,
  survivor: VersionRecord,
  signal: AbortSignal,
  due = false,
): Promise<Grant> {
  // What goes while compensating is the new version: then only those that were ever handed it must
  // prove to be off it.
  const back = run.direction === 'back';
  const delivered = back ? new Set(await deps.ledger.deliveredTo(run.id)) : null;
  const required = requiredOf(run)
    .map((c) => c.name)
    .filter((name) => !delivered || delivered.has(name));
  const survivorProvedNow = await isAliveNow(deps, store, survivor, signal);
  const inUse = await presenceOf(store, target, signal);
  const readAt = since();
  const inspections = await deps.ledger.inspections(run.id);
  const evidence = evidenceFor(run.urgency, run.spec.policy.evidence);
  const decision = mayRevoke(
    {
      isManagementKey: account.managementKeyId === target.keyId,
      target: target.generation,
      survivor: survivor.generation,
      keysInStore: await keysWithout(store, account.keys, target, signal),
      minimumKeys: store.capabilities.minKeys,
      survivorProvedNow,
      required,
      inspections,
      inUse,
    },
    { evidence, accept: run.urgency === null ? run.spec.accept : [], due },
  );
  if (!decision.ok) throw new RekeyError(codes[decision.reason] ?? 'KR_GUARD_REFUSED', `${decision.reason}: ${decision.message}`);
  if (due)
    return grantUntil(since, [], readAt, undefined, lateOf({ required, inspections, survivor: survivor.generation }, evidence));
  return grantUntil(
    since,
    inspections.filter((i) => required.includes(i.consumer)),
    readAt,
  );
}

/**
 * Where a store says who uses a key now, in its own words; null where it sees nobody, or cannot.
 */
async function presenceOf(store: KeyStoreView, { keyId }: VersionRecord, signal: AbortSignal): Promise<string | null> {
  if (store.capabilities.lastUsed !== 'weak' || !store.lastUsed) return null;
  return store.lastUsed(keyId, within(signal, store.capabilities.timing.request));
}

/**
 * How many keys there are, the one that goes included; null where they cannot be counted. One that
 * somebody else has deleted before is not counted any more, and its end leaves no fewer.
 */
export async function keysWithout(
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
export async function isAliveNow(
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
