/**
 * Owns the taking away for good: drain, revoke, the proof of death, and the removal of what a lost
 * reply left behind.
 */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Recorded, RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import { isQuiet, nextLook, type QuietRules } from '../../workflows/domain/revoke.js';
import { exitsOf } from '../../workflows/domain/waits.js';
import { canBringBack } from '../../workflows/domain/way-back.js';
import {
  beginLook,
  contextOf,
  type EffectDeps,
  effectAtStore,
  type ObservationDeps,
  type StepInput,
  secretOf,
  sleep,
  within,
} from '../deps.js';
import { type KeyStoreView, refusedEverywhere } from '../ports/key-store.js';
import { requireMayTakeAway } from './guard.js';
import { keepMemberships } from './memberships.js';
import { factsOf, isBound, tellSpread } from './spread.js';

/**
 * Observes: the store's last-used. Throws KR_STILL_USED, with the time after which it is worth
 * asking again, until the old version is quiet.
 */
export async function drain(deps: ObservationDeps, { step }: StepInput, signal: AbortSignal): Promise<void> {
  const { run, store, versionAt } = await contextOf(deps, step, signal);
  const old = versionAt(run.previousGeneration);
  await requireThere(store, versionAt(run.generation), signal);
  // Nobody can use what is gone; the revoke that follows finds it so.
  if (store.capabilities.listsKeys && (await store.describe(old.keyId, signal)) === null) return deps.ledger.enter(step);
  const { request, lastUsedLag: lag } = store.capabilities.timing;
  const looking = await beginLook(deps, step, [step.credential], 'last-used');
  const lookedAt = looking.now();
  const seen = store.lastUsed ? await store.lastUsed(old.keyId, within(signal, request)) : null;
  const reading = { round: run.round, seen, lookedAt, countsFrom: (run.cutoverAt ?? 0) + lag };
  const { readings, now } = await deps.ledger.recordReading(step, looking.attempt, reading);
  const { policy, accept } = run.spec;
  // A store that cannot disable has no soak of its own: it is part of the drain. Expedite shortens
  // both, never the store's own lag.
  const hasSoak = store.capabilities.disable && canBringBack(store.capabilities, old.secretRef !== null);
  const maxWait = policy.grace + (hasSoak ? 0 : policy.soak);
  // Nothing shortens the life of what was derived from the key: whoever holds it is no consumer
  // that could be seen.
  const least = store.leastGrace?.(run.spec.attributes) ?? 0;
  const rules: QuietRules = {
    cutoverAt: run.cutoverAt ?? now,
    grace: Math.max(run.expedited ? 0 : maxWait, least),
    lag,
    presence: store.capabilities.lastUsed === 'weak',
  };
  const quiet = isQuiet(readings, now, rules, accept);
  if (quiet.ok) return deps.ledger.enter(step);

  const wait = nextLook(readings, now, rules);
  await deps.ledger.openWait(step, {
    kind: 'quiet',
    step: step.key,
    text: `generation ${old.generation} to be quiet: ${quiet.message}`,
    person: quiet.reason === 'no-last-used',
    // It is looked at once more by then, and the wait gets another deadline.
    deadline: new Date(Date.now() + wait).toISOString(),
    nextCommands: exitsOf({ kind: 'quiet', number: null }, factsOf(run, step, { bound: isBound(run, old) })),
  });
  throw new RekeyError('KR_STILL_USED', quiet.message, wait + 10);
}

/**
 * Consumers that are on a key which somebody has deleted or switched off meanwhile are refused now:
 * that must not wait until the old one is to go. Throws KR_KEY_GONE.
 */
async function requireThere(store: KeyStoreView, version: VersionRecord, signal: AbortSignal): Promise<void> {
  const { listsKeys, timing } = store.capabilities;
  // A list may lag behind what it was told of.
  if (!listsKeys || version.ageMs <= timing.propagation) return;
  for (let looks = 1; ; looks++) {
    const state = (await store.describe(version.keyId, signal))?.state ?? 'gone';
    if (state === 'live') return;
    if (looks === looksForGone)
      throw new RekeyError('KR_KEY_GONE', `generation ${version.generation} is ${state}, and consumers are on it`);
    await sleep(pauseForGone);
  }
}

/** One answer that a key is gone may be stale: so many looks, and milliseconds between them. */
const looksForGone = 3;
const pauseForGone = 500;

export interface RetireInput extends StepInput {
  /** The version that goes, and the one that must carry everything. */
  readonly target: number;
  readonly survivor: number;
  /** The moment that the incident has set is there: whoever has not confirmed is left behind. */
  readonly due?: boolean;
}

/**
 * Ends a version for good, by the exact id in the ledger. Its guard looks once more, in this very
 * attempt: is the other one alive now, is every consumer proved to be on it now. A refusal sends
 * nothing and closes its intent so.
 */
export async function revokeVersion(
  deps: EffectDeps,
  input: RetireInput,
): Promise<Recorded<{ readonly [key: string]: string | number; generation: number; keyId: string }>> {
  const { step, target: generation, due = false } = input;
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const [target, survivor] = [versionAt(generation), versionAt(input.survivor)];
  const { request, settle } = store.capabilities.timing;

  const leave = { gate: 'take-away', due } as const;
  const options = { deadline: request * 3, settle, waitForSettle: true, scopeByKind: true, leave };
  return once(step, options, async (attempt, effects, who) => {
    const gone =
      attempt.earlier.length > 0 && store.capabilities.listsKeys && (await store.describe(target.keyId, attempt.signal)) === null;
    if (!gone) {
      attempt.markUnsent('and-before');
      const grant = await requireMayTakeAway(
        deps,
        { store, run, ...who },
        target,
        survivor,
        attempt.signal,
        due && (await isDue(deps, run)),
      );
      if (grant.late.length > 0) attempt.stage({ kind: 'late', generation, consumers: grant.late });
      // What somebody has taken from the one that stays since it was proved, its consumers would
      // miss at their next start.
      await keepMemberships(store, effects, survivor, target, attempt.signal);
      grant.requireFresh();
      attempt.markUnsent('no');
      attempt.beforeSending();
      await effects.revoke(target.keyId, within(attempt.signal, request));
    }
    attempt.stage({ kind: 'move-version', generation, event: 'revoke' });
    return { generation, keyId: target.keyId };
  });
}

/** By the clock that has the last word; what is not due asks for all that any revoke asks for. */
async function isDue({ ledger }: EffectDeps, { urgency }: RunRecord): Promise<boolean> {
  const at = urgency?.revokeBy ?? null;
  return at !== null && Date.parse(at) <= (await ledger.now());
}

export interface DeadInput extends StepInput {
  /** The old version unless said. */
  readonly generation?: number;
}

/**
 * Observes: every endpoint, until all refuse the key several times in a row. True: it is dead;
 * false: not within the store's own time.
 */
export async function proveDead(deps: ObservationDeps, { step, generation }: DeadInput, signal: AbortSignal): Promise<boolean> {
  await deps.ledger.enter(step);
  const { run, store, versionAt } = await contextOf(deps, step, signal);
  const old = versionAt(generation ?? run.previousGeneration);
  const milliseconds = store.capabilities.timing.propagation;
  const text = `generation ${old.generation} to be refused everywhere`;
  await tellSpread(deps, step, factsOf(run, step, { crossed: true }), { text, milliseconds, skips: true });
  // Of one whose secret was never ours the store's own word is all that there is.
  if (!old.secretRef) return run.urgency === null || (await isGone(store, old, signal));
  const key = { keyId: old.keyId, secret: await secretOf(deps, old) };
  const until = performance.now() + milliseconds;
  for (let refused = 0; refused < 5; await sleep(100)) {
    refused = refusedEverywhere(await store.probe(key, within(signal, store.capabilities.timing.request))) ? refused + 1 : 0;
    // A machine that is slow proves nothing against a key that is refused all the time.
    if (refused === 0 && performance.now() > until) return false;
  }
  return true;
}

async function isGone(store: KeyStoreView, { keyId }: VersionRecord, signal: AbortSignal): Promise<boolean> {
  return store.capabilities.listsKeys && (await store.describe(keyId, signal)) === null;
}

export interface OrphansInput extends StepInput {
  /** The key that this run minted; the ledger may have lost it. */
  readonly known: string | null;
}

/**
 * Removes keys that carry a tag of this rotation's mints and are no recorded version: nobody was
 * ever handed them. Waits until no mint of ours can land any more, so that a late create is caught,
 * too. An attempt that follows another looks again, and removes what is left.
 */
export async function removeOrphans(
  deps: EffectDeps,
  { step, known }: OrphansInput,
): Promise<Recorded<{ readonly removed: readonly string[] }>> {
  const left = await deps.ledger.unsettled(step.run, ['mint'], null);
  if (left > 0) throw new RekeyError('KR_SETTLING', `a mint can still land for ${left} ms`, left + 20);
  const { store, versions, once } = await effectAtStore(deps, step);
  const family = deps.ledger.tagFamily(step.run);
  // A ledger that was set back has lost intents; an older release gave tags of another form.
  const tags = [family, ...(await deps.ledger.tags(step.run, 'mint')).filter((tag) => !tag.startsWith(family))];
  const recorded = new Set(versions.map((v) => v.keyId));
  const { request, settle } = store.capabilities.timing;
  return once(step, { deadline: request * 4, settle, waitForSettle: false }, async (attempt, effects) => {
    const removed: string[] = [];
    const remove = async (keyId: string) => {
      if (recorded.has(keyId) || removed.includes(keyId)) return;
      if (removed.length === 0) attempt.beforeSending();
      await effects.revoke(keyId, within(attempt.signal, request));
      removed.push(keyId);
    };
    for (const tag of tags) for (const orphan of await store.findByTag(tag, attempt.signal)) await remove(orphan.id);
    // Consumers were handed another version since, and confirmed.
    if (known !== null && !recorded.has(known) && (await store.describe(known, attempt.signal)) !== null) await remove(known);
    return { removed };
  });
}
