/** Owns the change of a secret in place: the regenerate that kills the old one, and the one login that proves the new one. */
import { RekeyError } from '../workflows/domain/errors.js';
import { mayRegenerate } from '../workflows/domain/regenerate.js';
import { type Deps, requiredOf, type StepInput, secretOf, versionOf, within } from './deps.js';
import { acceptedEverywhere } from './ports/key-store.js';
import type { Recorded } from './ports/ledger.js';

/** Observes: that no program runs. Writes: the key's secret at the store; the old version is revoked by it, the new one active at once. */
export async function regenerateSecret(
  deps: Deps,
  { step }: StepInput,
): Promise<Recorded<{ readonly [key: string]: string | number | null; generation: number; secretChanged: string | null }>> {
  const rotation = await deps.ledger.rotation(step.rotation);
  const store = await deps.stores.of(rotation.spec.store);
  const versions = await deps.ledger.versions(step.credential);
  const previous = versionOf(versions, rotation.previousGeneration);
  const { request, settle } = store.capabilities.timing;
  const look = async (signal: AbortSignal) => ({
    secretChanged: (await store.describe(previous.keyId, signal))?.secretChanged ?? null,
  });

  return deps.ledger.once(step, { deadline: request * 2, settle, waitsOut: true, oneObject: true, look }, async (attempt) => {
    // After a lost reply it does not matter whether the secret changed: the answer is gone either way, and nothing runs that could hold the old one.
    const unchanged =
      attempt.before?.secretChanged != null &&
      attempt.earlier.every((e) => e.before?.secretChanged === attempt.before?.secretChanged);
    attempt.notSent(unchanged ? 'and-before' : 'this');
    const decision = mayRegenerate(
      requiredOf(rotation).map((c) => c.name),
      await deps.ledger.inspections(rotation.id),
    );
    if (!decision.ok) {
      const refusal = decision.reason === 'stale' ? 'KR_GUARD_STALE' : 'KR_GUARD_REFUSED';
      // The refusals say that nothing was sent, so that the programs may be started with the old secret: an earlier attempt may have ended it.
      throw new RekeyError(unchanged ? refusal : 'KR_BEYOND_RETURN', `${decision.reason}: ${decision.message}`);
    }
    attempt.beforeSending();
    attempt.notSent('no');
    const key = await store.regenerate!(previous.keyId, within(attempt.signal, request));

    const secret = await deps.vault.seal(key.secret);
    const { generation } = rotation;
    // Looked at now: an attempt of another round may have been recorded meanwhile.
    const replaced = versionOf(await deps.ledger.versions(step.credential), previous.generation);
    if (replaced.state === 'active')
      attempt.stage({ kind: 'move-version', generation: previous.generation, event: 'regenerate' });
    attempt.stage({
      kind: 'add-version',
      generation,
      state: 'active',
      account: previous.account,
      keyId: previous.keyId,
      keyName: previous.keyId,
      origin: 'regenerated',
      fingerprint: key.secret.fingerprint,
      secret,
    });
    return { generation, secretChanged: key.secretChanged };
  });
}

export interface ProveSecretInput extends StepInput {
  /** The store's mark of our own regenerate. */
  readonly secretChanged: string | null;
}

/** `overtaken`: somebody changed the secret after us. */
export type SecretProof = 'accepted' | 'refused' | 'overtaken';

/** One login, counted in the ledger before it is made: a refused one is never repeated, since the store locks accounts and bans addresses. */
export async function proveSecret(
  deps: Deps,
  { step, secretChanged }: ProveSecretInput,
): Promise<Recorded<{ readonly [key: string]: string; proof: SecretProof }>> {
  const rotation = await deps.ledger.rotation(step.rotation);
  const store = await deps.stores.of(rotation.spec.store);
  const version = versionOf(await deps.ledger.versions(step.credential), rotation.generation);
  const key = { keyId: version.keyId, secret: await secretOf(deps, version) };
  const { request, settle } = store.capabilities.timing;
  const overtaken = async (signal: AbortSignal) => (await store.describe(version.keyId, signal))?.secretChanged !== secretChanged;

  return deps.ledger.once(step, { deadline: request * 2, settle, waitsOut: false }, async (attempt) => {
    if (attempt.earlier.length > 0 && (await overtaken(attempt.signal))) return { proof: 'overtaken' };
    attempt.beforeSending();
    if (acceptedEverywhere(await store.probe(key, within(attempt.signal, request)))) return { proof: 'accepted' };
    return { proof: (await overtaken(attempt.signal)) ? 'overtaken' : 'refused' };
  });
}
