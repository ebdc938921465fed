/**
 * Owns the taking away for good: drain, revoke, the proof of death, and the removal of what a lost
 * reply left behind.
 */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Recorded } from '../../workflows/domain/records.js';
import { isQuiet, nextLook, type QuietRules } from '../../workflows/domain/revoke.js';
import { contextOf, type Deps, type StepInput, secretOf, sleep, within } from '../deps.js';
import { refusedEverywhere } from '../ports/key-store.js';
import { requireMayTakeAway } from './guard.js';

/**
 * Observes: the store's last-used. Throws KR_STILL_USED, with the time after which it is worth
 * asking again, until the old version is quiet.
 */
export async function drain(deps: Deps, { step }: StepInput, signal: AbortSignal): Promise<void> {
  const { run, store, versionAt } = await contextOf(deps, step);
  const old = versionAt(run.previousGeneration);
  // Nobody can use what is gone; the revoke that follows finds it so.
  if (store.capabilities.listsKeys && (await store.describe(old.keyId, signal)) === null) return deps.ledger.enter(step);
  const { request, lastUsedLag: lag } = store.capabilities.timing;
  const lookedAt = await deps.ledger.now();
  const value = store.lastUsed ? await store.lastUsed(old.keyId, within(signal, request)) : null;
  const reading = { round: run.round, value, lookedAt, countsFrom: (run.cutoverAt ?? 0) + lag };
  const { readings, now } = await deps.ledger.recordReading(step, reading);
  const { policy, accept } = run.spec;
  // A store that cannot disable has no soak of its own: it is part of the drain. Expedite shortens
  // both, never the store's own lag.
  const maxWait = policy.grace + (store.capabilities.disable ? 0 : policy.soak);
  // Nothing shortens the life of what was derived from the key: whoever holds it is no consumer
  // that could be seen.
  const least = store.leastGrace?.(run.spec.attributes) ?? 0;
  const rules: QuietRules = {
    cutoverAt: run.cutoverAt ?? now,
    grace: Math.max(run.expedited ? 0 : maxWait, least),
    lag,
  };
  const quiet = isQuiet(readings, now, rules, accept);
  if (quiet.ok) return deps.ledger.enter(step);

  const wait = nextLook(readings, now, rules);
  await deps.ledger.openWait(step, {
    kind: 'quiet',
    step: step.key,
    text: `generation ${old.generation} to be quiet: ${quiet.message}`,
    person: quiet.reason === 'no-last-used',
    deadline: quiet.reason === 'still-used' ? null : new Date(Date.now() + wait).toISOString(),
    nextCommands: run.expedited ? ['abort'] : ['expedite', 'abort'],
  });
  throw new RekeyError('KR_STILL_USED', quiet.message, wait + 10);
}

export interface RetireInput extends StepInput {
  /** The version that goes, and the one that must carry everything. */
  readonly target: number;
  readonly survivor: number;
}

/**
 * Ends a version for good, by the exact id in the ledger. Its guard looks once more, in this very
 * attempt: is the other one alive now, is every consumer proved to be on it now. A refusal sends
 * nothing and closes its intent so.
 */
export async function revokeVersion(
  deps: Deps,
  input: RetireInput,
): Promise<Recorded<{ readonly [key: string]: string | number; generation: number; keyId: string }>> {
  const { step, target: generation } = input;
  const { run, store, versionAt } = await contextOf(deps, step);
  const target = versionAt(generation);
  const { request, settle } = store.capabilities.timing;

  return deps.ledger.once(step, { deadline: request * 3, settle, waitForSettle: true, scopeByKind: true }, async (attempt) => {
    const gone =
      attempt.earlier.length > 0 && store.capabilities.listsKeys && (await store.describe(target.keyId, attempt.signal)) === null;
    if (!gone) {
      attempt.markUnsent('and-before');
      await requireMayTakeAway(deps, store, run, target, versionAt(input.survivor), attempt.signal);
      attempt.markUnsent('no');
      attempt.beforeSending();
      await store.revoke(target.keyId, within(attempt.signal, request));
    }
    attempt.stage({ kind: 'move-version', generation, event: 'revoke' });
    return { generation, keyId: target.keyId };
  });
}

/**
 * Observes: every endpoint, until all refuse the key several times in a row. True: it is dead;
 * false: not within the store's own time.
 */
export async function proveDead(deps: Deps, { step }: StepInput, signal: AbortSignal): Promise<boolean> {
  await deps.ledger.enter(step);
  const { run, store, versionAt } = await contextOf(deps, step);
  const old = versionAt(run.previousGeneration);
  if (!old.secretRef) return true;
  const key = { keyId: old.keyId, secret: await secretOf(deps, old) };
  const until = performance.now() + store.capabilities.timing.propagation;
  for (let refused = 0; refused < 5; await sleep(100)) {
    refused = refusedEverywhere(await store.probe(key, within(signal, store.capabilities.timing.request))) ? refused + 1 : 0;
    if (performance.now() > until) return false;
  }
  return true;
}

export interface OrphansInput extends StepInput {
  /** The key that this run minted; the ledger may have lost it. */
  readonly known: string | null;
}

/**
 * Removes keys that carry a tag of this rotation's mints and are no recorded version: nobody was
 * ever handed them. Waits until no mint of ours can land any more, so that a late create is caught,
 * too.
 */
export async function removeOrphans(deps: Deps, { step, known }: OrphansInput, signal: AbortSignal): Promise<readonly string[]> {
  const left = await deps.ledger.unsettled(step.run, ['mint'], null);
  if (left > 0) throw new RekeyError('KR_SETTLING', `a mint can still land for ${left} ms`, left + 20);
  const run = await deps.ledger.run(step.run);
  const family = deps.ledger.tagFamily(step.run);
  // A ledger that was set back has lost intents; an older release gave tags of another form.
  const tags = [family, ...(await deps.ledger.tags(step.run, 'mint')).filter((tag) => !tag.startsWith(family))];
  const store = await deps.stores.of(run.spec.store);
  const recorded = new Set((await deps.ledger.versions(step.credential)).map((v) => v.keyId));
  const removed: string[] = [];
  for (const tag of tags) {
    for (const orphan of await store.findByTag(tag, signal)) {
      if (recorded.has(orphan.id)) continue;
      await store.revoke(orphan.id, signal);
      removed.push(orphan.id);
    }
  }
  // Consumers were handed another version since, and confirmed.
  if (known !== null && !recorded.has(known) && !removed.includes(known) && (await store.describe(known, signal)) !== null) {
    await store.revoke(known, signal);
    removed.push(known);
  }
  return removed;
}
