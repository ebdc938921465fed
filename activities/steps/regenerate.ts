/**
 * Owns the change of a secret in place: the regenerate that kills the old one, and the one login
 * that proves the new one.
 */
import { type ErrorCode, RekeyError } from '../../workflows/domain/errors.js';
import { generationOf, type Recorded, type RunRecord, type VersionRecord } from '../../workflows/domain/records.js';
import { mayRegenerate, type RegenerateBlock } from '../../workflows/domain/regenerate.js';
import {
  type EffectDeps,
  effectAtStore,
  type ObservationDeps,
  requiredOf,
  type StepInput,
  secretOf,
  stopwatch,
  versionOf,
  within,
} from '../deps.js';
import type { Change } from '../ports/journal.js';
import { acceptedEverywhere } from '../ports/key-store.js';
import type { Secret } from '../ports/secret.js';
import type { NewSecret } from '../ports/vault.js';
import { type Grant, grantUntil } from './guard.js';

/**
 * Observes: that no program runs. Writes: the key's secret at the store; the old version is revoked
 * by it, the new one active at once.
 */
export async function regenerateSecret(
  deps: EffectDeps,
  { step }: StepInput,
): Promise<Recorded<{ readonly [key: string]: string | number | null; generation: number; secretChanged: string | null }>> {
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const previous = versionAt(run.previousGeneration);
  const { request, settle } = store.capabilities.timing;
  const look = async (signal: AbortSignal) => {
    const seen = await store.describe(previous.keyId, signal);
    return { secretChanged: seen?.secretChanged ?? null, isGone: store.capabilities.listsKeys && seen === null };
  };

  return once(
    step,
    { deadline: request * 2, settle, waitForSettle: true, scopeByKind: true, snapshotBefore: look },
    async (attempt, effects) => {
      if (attempt.before.isGone) {
        // Whatever was sent before has changed nothing that is left.
        attempt.markUnsent('and-before');
        throw new RekeyError('KR_KEY_GONE', `key ${previous.keyId} is not in ${run.spec.store} any more`);
      }
      // After a lost reply it does not matter whether the secret changed: the answer is gone either
      // way, and nothing runs that could hold the old one.
      const unchanged =
        attempt.before.secretChanged != null &&
        attempt.earlier.every((e) => e.before?.secretChanged === attempt.before.secretChanged);
      attempt.markUnsent(unchanged ? 'and-before' : 'this');
      const leave = await requireMayRegenerate(deps, run, unchanged ? 'nothing' : 'perhaps');
      attempt.beforeSending();
      leave.requireFresh();
      attempt.markUnsent('no');
      const key = await effects.regenerate!(previous.keyId, within(attempt.signal, request));

      const sealed = await deps.vault.seal(key.secret);
      // Looked at now: an attempt of another round may have been recorded meanwhile.
      const replaced = versionOf(await deps.ledger.versions(step.credential), previous.generation);
      for (const change of regeneratedVersion(run, replaced, key.secret, sealed)) attempt.stage(change);
      return { generation: generationOf(run), secretChanged: key.secretChanged };
    },
  );
}

/**
 * What the workflow does about a refusal. While nothing was sent the way back is open, on which the
 * programs are started with the old secret.
 */
const codes: Readonly<Record<RegenerateBlock, Readonly<Record<'nothing' | 'perhaps', ErrorCode>>>> = {
  stale: { nothing: 'KR_GUARD_STALE', perhaps: 'KR_LOOK_AGAIN' },
  'still-running': { nothing: 'KR_GUARD_REFUSED', perhaps: 'KR_BEYOND_RETURN' },
};

/**
 * Throws KR_GUARD_STALE, or KR_GUARD_REFUSED while an instance runs; where the secret may be
 * another already, KR_LOOK_AGAIN or KR_BEYOND_RETURN.
 */
export async function requireMayRegenerate(deps: ObservationDeps, run: RunRecord, sent: 'nothing' | 'perhaps'): Promise<Grant> {
  const since = stopwatch();
  const required = requiredOf(run).map((c) => c.name);
  const inspections = await deps.ledger.inspections(run.id);
  const decision = mayRegenerate(required, inspections);
  if (decision.ok) {
    const relied = inspections.filter((i) => required.includes(i.consumer));
    return grantUntil(since, relied, 0, codes.stale[sent]);
  }
  throw new RekeyError(codes[decision.reason][sent], `${decision.reason}: ${decision.message}`);
}

/** The new version is the one to use at once, since the old one is dead; its id stays. */
export function regeneratedVersion(run: RunRecord, previous: VersionRecord, secret: Secret, sealed: NewSecret): Change[] {
  const { account, keyId, keyName } = previous;
  const { fingerprint, digest } = secret;
  const added: Change = {
    kind: 'add-version',
    generation: generationOf(run),
    state: 'active',
    account,
    keyId,
    keyName: keyName ?? keyId,
    origin: 'regenerated',
    fingerprint,
    digest,
    secret: sealed,
  };
  const ends: Change = { kind: 'move-version', generation: previous.generation, event: 'regenerate' };
  return previous.state === 'active' ? [ends, added] : [added];
}

export interface ProveSecretInput extends StepInput {
  /** The store's mark of our own regenerate. */
  readonly secretChanged: string | null;
}

/** `overtaken`: somebody changed the secret after us. */
export type SecretProof = 'accepted' | 'refused' | 'overtaken';

/**
 * One login, counted in the ledger before it is made: a refused one is never repeated, since the
 * store locks accounts and bans addresses.
 */
export async function proveSecret(
  deps: EffectDeps,
  { step, secretChanged }: ProveSecretInput,
): Promise<Recorded<{ readonly [key: string]: string; proof: SecretProof }>> {
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const version = versionAt(run.generation);
  const key = { keyId: version.keyId, secret: await secretOf(deps, version) };
  const { request, settle } = store.capabilities.timing;
  const overtaken = async (signal: AbortSignal) => (await store.describe(version.keyId, signal))?.secretChanged !== secretChanged;

  return once(step, { deadline: request * 2, settle, waitForSettle: false }, async (attempt) => {
    if (attempt.earlier.length > 0 && (await overtaken(attempt.signal))) return { proof: 'overtaken' };
    attempt.beforeSending();
    if (acceptedEverywhere(await store.probe(key, within(attempt.signal, request)))) return { proof: 'accepted' };
    return { proof: (await overtaken(attempt.signal)) ? 'overtaken' : 'refused' };
  });
}
