/**
 * Owns the making of a new version: mint with a unique tag, find again what a lost reply left
 * behind, prove that it is accepted everywhere.
 */
import { inWords, rightsDiffer } from '../../workflows/domain/attributes.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { generationOf, type Recorded, type RunRecord, type VersionRecord } from '../../workflows/domain/records.js';
import {
  contextOf,
  type EffectDeps,
  effectAtStore,
  type ObservationDeps,
  type StepInput,
  secretOf,
  sleep,
  versionOf,
  within,
} from '../deps.js';
import type { Attempt, Change } from '../ports/journal.js';
import {
  acceptedEverywhere,
  type KeyReference,
  type KeyStoreEffects,
  type KeyStoreView,
  type MintedKey,
} from '../ports/key-store.js';
import type { NewSecret } from '../ports/vault.js';
import { factsOf, tellSpread } from './spread.js';

export interface VersionRef {
  readonly [key: string]: string | number;
  readonly generation: number;
  readonly keyId: string;
  readonly fingerprint: string;
}

export interface MintInput extends StepInput {
  /** The key that this run has minted and the ledger has lost; null on any other day. */
  readonly known: string | null;
  /** Whether this run has begun to hand it out. */
  readonly delivered: boolean;
}

/**
 * Mints the next version and puts its secret into the vault. Observes: the intents of earlier
 * attempts, the store's list. Writes: intent, version, vault entry, audit.
 */
export async function mintVersion(deps: EffectDeps, { step, known, delivered }: MintInput): Promise<Recorded<VersionRef>> {
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const { request, settle } = store.capabilities.timing;
  const previous = versionAt(run.previousGeneration);

  const leave = { gate: 'start', window: true } as const;
  return once(step, { deadline: request * 2, settle, waitForSettle: true, leave }, async (attempt, effects) => {
    const lost = await findLostMint(store, effects, attempt);
    const recovered = lost ?? (known ? await recover(store, effects, known, delivered, attempt) : null);
    const key = recovered ?? (await mint(store, effects, run, await likeOf(store, run, previous, attempt), attempt));
    const { fingerprint } = key.secret;
    attempt.stage(mintedVersion(run, previous, key, await deps.vault.seal(key.secret)));
    return { generation: generationOf(run), keyId: key.id, fingerprint };
  });
}

/** Not used by anybody yet; it is in the account of the one before it. */
export function mintedVersion(run: RunRecord, { account }: VersionRecord, key: MintedKey, secret: NewSecret): Change {
  const { id: keyId, name: keyName } = key;
  const { fingerprint, digest } = key.secret;
  return {
    kind: 'add-version',
    generation: generationOf(run),
    state: 'prepared',
    account,
    keyId,
    keyName,
    origin: 'minted',
    fingerprint,
    digest,
    secret,
  };
}

/**
 * Null where the old key is gone: in an incident it may have been ended first, by rekey or by
 * somebody at the vendor. Then the new one is as it is declared.
 */
async function likeOf(
  store: KeyStoreView,
  { urgency }: RunRecord,
  { keyId }: VersionRecord,
  attempt: Attempt,
): Promise<string | null> {
  if (urgency === null || !store.capabilities.listsKeys) return keyId;
  return (await store.describe(keyId, attempt.signal)) === null ? null : keyId;
}

function mint(
  store: KeyStoreView,
  effects: KeyStoreEffects,
  run: RunRecord,
  likeKeyId: string | null,
  attempt: Attempt,
): Promise<MintedKey> {
  attempt.beforeSending();
  return effects.create(
    { tag: attempt.tag, attributes: run.spec.attributes, likeKeyId },
    within(attempt.signal, store.capabilities.timing.request),
  );
}

/**
 * The key of an earlier attempt whose reply was lost. Where the store shows secrets again it is
 * adopted; else it is removed, since nobody can ever use it: the intent is ours, and a version that
 * was never recorded was never delivered.
 */
async function findLostMint(store: KeyStoreView, effects: KeyStoreEffects, attempt: Attempt): Promise<MintedKey | null> {
  for (const earlier of attempt.earlier) {
    for (const found of await store.findByTag(earlier.tag, attempt.signal)) {
      const secret = store.readSecret ? await store.readSecret(found.id, attempt.signal) : null;
      if (secret) return { id: found.id, name: found.name, secret };
      await effects.revoke(found.id, attempt.signal);
    }
  }
  return null;
}

/**
 * The key that a ledger has lost together with its secret. Read again where the store shows it;
 * else removed, if nobody was handed it: then the next one takes its place. What consumers may hold
 * and nobody can read is for a person.
 */
async function recover(
  store: KeyStoreView,
  effects: KeyStoreEffects,
  known: string,
  delivered: boolean,
  attempt: Attempt,
): Promise<MintedKey | null> {
  const found = await store.describe(known, attempt.signal);
  if (!found) return null;
  const secret = store.readSecret ? await store.readSecret(known, attempt.signal) : null;
  if (secret) return { id: known, name: found.name, secret };
  if (delivered) {
    attempt.markUnsent('this');
    throw new RekeyError('KR_STATE_UNCLEAR', `the ledger has lost the secret of key ${known}, which consumers may hold`);
  }
  await effects.revoke(known, attempt.signal);
  return null;
}

/**
 * Observes: every endpoint of the store, again and again, and the rights of both keys. Answers
 * whether the store keeps lists, in which the new key needs the places of the old one.
 */
export async function proveVersion(deps: ObservationDeps, { step }: StepInput, signal: AbortSignal): Promise<boolean> {
  await deps.ledger.enter(step);
  const { run, store, versionAt } = await contextOf(deps, step, signal);
  const { generation, previousGeneration } = run;
  const [previous, next] = [versionAt(previousGeneration), versionAt(generation)];
  const { propagation } = store.capabilities.timing;
  const text = `generation ${generation} to be accepted everywhere`;
  await tellSpread(deps, step, factsOf(run, step), { text, milliseconds: Math.max(propagation - next.ageMs, 0) });
  const isLate = next.ageMs > propagation;
  await requireSameRights(store, previous.keyId, next.keyId, isLate, signal);

  const key = { keyId: next.keyId, secret: await secretOf(deps, next) };
  const inTime = async (why: string) => {
    const { ageMs } = versionOf(await deps.ledger.versions(step.credential), generation);
    if (ageMs > propagation) throw new RekeyError('KR_NOT_PROVED', `after ${Math.round(ageMs / 1000)} s it is ${why}`);
  };
  await acceptedInARow(store, key, inTime, signal);
  return store.copyMemberships !== undefined;
}

/**
 * Acceptances in a row that count as proof, and the milliseconds between them: endpoints are spread
 * over servers that learn of a key one by one.
 */
const proofs = { inARow: 10, apart: 100 } as const;

async function acceptedInARow(
  store: KeyStoreView,
  key: KeyReference,
  inTime: (why: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let accepted = 0; accepted < proofs.inARow; await sleep(proofs.apart)) {
    const probe = await store.probe(key, within(signal, store.capabilities.timing.request));
    accepted = acceptedEverywhere(probe) ? accepted + 1 : 0;
    const refusing = probe.endpoints.filter((d) => !d.accepted).map((d) => d.endpoint);
    if (accepted === 0) await inTime(`refused by ${refusing.join(', ')}`);
  }
}

async function requireSameRights(
  store: KeyStoreView,
  oldId: string,
  newId: string,
  isLate: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (!store.capabilities.listsKeys) return;
  const [before, after] = [await store.describe(oldId, signal), await store.describe(newId, signal)];
  // A list that lags behind does not know the new key yet; that is no difference. One that is not
  // there in the store's own time was deleted.
  if (!after)
    throw isLate
      ? new RekeyError('KR_KEY_GONE', 'the new key is not in the store any more')
      : new RekeyError('KR_NOT_YET_PROVED', 'the store does not show the new key yet');
  const other = before ? rightsDiffer(before.rights, after.rights) : [];
  if (other.length > 0)
    throw new RekeyError('KR_RIGHTS_DIFFER', `the new key has other rights than the old one: ${inWords(other)}`);
}
