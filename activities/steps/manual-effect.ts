/**
 * Owns the two halves of an effect that a person carries out: asking, with exact instructions, and
 * taking what was done after a look of our own.
 */

import type { JsonObject } from '../../workflows/domain/credential.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { ManualEffect } from '../../workflows/domain/manual.js';
import type { Recorded, RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import { contextOf, type Deps, type StepInput, secretOf, sleep, versionOf, within } from '../deps.js';
import type { ManualFacts } from '../ports/connector.js';
import type { Asked, Change } from '../ports/journal.js';
import { acceptedEverywhere, type KeyStore, type Probe, refusedEverywhere } from '../ports/key-store.js';
import type { Secret } from '../ports/secret.js';
import { requireMayTakeAway } from './guard.js';
import { mintedVersion } from './mint.js';
import { regeneratedVersion, requireMayRegenerate } from './regenerate.js';

export interface ManualInput extends StepInput {
  readonly effect: ManualEffect;
  /** The version that it is about: the new one for mint and regenerate. */
  readonly generation: number;
  /** For disable and revoke: the version that must carry everything. */
  readonly survivor: number | null;
}

export interface AskInput extends ManualInput {
  readonly overdue: boolean;
}

/**
 * Observes: the guard of the effect. Writes: its intent, which only a person settles, and what that
 * person is to do.
 */
export async function askPerson(deps: Deps, input: AskInput, signal: AbortSignal): Promise<Asked> {
  const { step, effect, generation, survivor } = input;
  const { run, store, versions, versionAt } = await contextOf(deps, step);
  const { store: name, policy } = run.spec;
  const version = versions.find((v) => v.generation === generation) ?? null;
  // Once asked it may have been done: whoever takes over asks on, whatever a guard would say by
  // now.
  if (!(await deps.ledger.isAsked(step))) {
    if (effect === 'regenerate') await requireMayRegenerate(deps, run, 'nothing');
    if ((effect === 'disable' || effect === 'revoke') && version)
      await requireMayTakeAway(deps, store, run, version, versionAt(survivor), signal);
  }
  const asked = await deps.ledger.ask(step, await rightsOf(store, effect, version, signal));
  if (asked.done) return asked;
  const current = version ?? versions.find((v) => v.generation === run.previousGeneration) ?? null;
  await deps.ledger.openWait(step, {
    kind: 'manual',
    step: step.key,
    text: `a person to ${effect} a key in ${name}${input.overdue ? '; overdue' : ''}`,
    person: true,
    deadline: new Date(Date.now() + policy.approveWithin).toISOString(),
    nextCommands: ['provide', 'reject'],
    instructions: await instructionsOf(deps, run, effect, asked.tag, current),
  });
  return asked;
}

async function rightsOf(
  store: KeyStore,
  effect: ManualEffect,
  version: VersionRecord | null,
  signal: AbortSignal,
): Promise<JsonObject | null> {
  if (effect !== 'disable' || !version) return null;
  return { rights: (await store.describe(version.keyId, signal))?.rights ?? null };
}

async function instructionsOf(
  deps: Deps,
  run: RunRecord,
  effect: ManualEffect,
  tag: string,
  version: VersionRecord | null,
): Promise<readonly string[]> {
  const { store, attributes } = run.spec;
  const config = await deps.stores.configOf(store);
  const keyName = effect === 'mint' ? tag : (version?.keyName ?? '');
  const facts: ManualFacts = { store, keyName, keyId: effect === 'mint' ? null : (version?.keyId ?? null), attributes };
  const steps = config.instructions?.[effect]?.(facts) ?? [
    effect === 'mint'
      ? `In ${store}, make a key named ${keyName} with ${canonicalJson(attributes)}.`
      : `In ${store}, ${effect} the key ${[facts.keyName, facts.keyId].filter(Boolean).join(', ')}.`,
  ];
  const says =
    effect === 'mint' || effect === 'regenerate' ? 'rekey provide ROTATION < the-new-key' : 'rekey provide ROTATION --done';
  return [...steps, `Then: ${says.replace('ROTATION', `'${run.id}'`)}. If it cannot be done: rekey reject '${run.id}'.`];
}

export interface ProvidedInput extends ManualInput {
  readonly attempt: string;
  readonly tag: string;
  readonly secretRef: string | null;
  readonly keyId: string | null;
}

/** Nothing was recorded, and why. */
export interface NotTaken {
  readonly refused: string;
}

/**
 * Observes: whether what a person says to have done holds. Writes: the outcome of the step, or
 * nothing.
 */
export async function takeProvided(
  deps: Deps,
  input: ProvidedInput,
  signal: AbortSignal,
): Promise<Recorded<JsonObject> | NotTaken> {
  const { step, effect, generation, attempt, secretRef } = input;
  const { run, store, versions, versionAt } = await contextOf(deps, step);
  if (effect === 'mint' || effect === 'regenerate') {
    if (secretRef === null) return { refused: 'hand the new key in on standard input' };
    const secret = await deps.vault.open(secretRef);
    const taken = await takeSecret(deps, store, run, versions, secret, input, signal);
    // It is sealed again with its version; what was handed in is not needed any more, whatever
    // became of it.
    await deps.vault.discard(secretRef);
    return taken;
  }
  if (secretRef !== null) await deps.vault.discard(secretRef);
  const version = versionAt(generation);
  const wanted = effect === 'enable' ? acceptedEverywhere : refusedEverywhere;
  const seen = await probed(deps, store, version, wanted, signal);
  if (seen !== null && !wanted(seen)) {
    const endpoints = seen.endpoints.filter((d) => d.accepted !== (effect === 'enable')).map((d) => d.endpoint);
    return { refused: `the key is ${effect === 'enable' ? 'not accepted yet' : 'still accepted'} at ${endpoints.join(', ')}` };
  }
  // An enable of what was never recorded as disabled changes nothing in our ledger.
  const moves = effect !== 'enable' || version.state === 'disabled';
  const changes: Change[] = moves ? [{ kind: 'move-version', generation, event: effect }] : [];
  return deps.ledger.answered(step, attempt, { generation, keyId: version.keyId }, changes);
}

async function takeSecret(
  deps: Deps,
  store: KeyStore,
  run: RunRecord,
  versions: readonly VersionRecord[],
  secret: Secret,
  { step, effect, generation, attempt, tag, keyId }: ProvidedInput,
  signal: AbortSignal,
): Promise<Recorded<JsonObject> | NotTaken> {
  const { fingerprint } = secret;
  const known = versions.find((v) => v.fingerprint === fingerprint && v.generation !== generation);
  if (known) return { refused: `this is the key of generation ${known.generation}, no new one` };
  const previous = versionOf(versions, run.previousGeneration);
  const made = store.capabilities.idIsSecret ? secret.handle : (keyId ?? tag);
  const id = effect === 'regenerate' ? previous.keyId : made;
  // Where a refused login counts towards a lock, the one login is left to the step that counts it.
  if (store.capabilities.probeRetryOn401) {
    const seen = await patiently(store, { keyId: id, secret }, acceptedEverywhere, signal);
    if (!acceptedEverywhere(seen)) return { refused: `${run.spec.store} does not accept this key` };
  }
  const sealed = await deps.vault.seal(secret);
  if (effect === 'regenerate') {
    const changes = regeneratedVersion(run, previous, secret, sealed);
    return deps.ledger.answered(step, attempt, { generation, secretChanged: null }, changes);
  }
  const added = mintedVersion(run, previous, { id, name: tag, secret }, sealed);
  return deps.ledger.answered(step, attempt, { generation, keyId: id, fingerprint }, [added]);
}

/** Null where it cannot be asked: then the person's word stands. */
async function probed(
  deps: Deps,
  store: KeyStore,
  version: VersionRecord,
  wanted: (probe: Probe) => boolean,
  signal: AbortSignal,
): Promise<Probe | null> {
  if (!version.secretRef || !store.capabilities.probeRetryOn401) return null;
  return patiently(store, { keyId: version.keyId, secret: await secretOf(deps, version) }, wanted, signal);
}

/**
 * A change that was made a moment ago may not have spread yet; a person waits for the answer, so
 * not for long.
 */
const maxWait = 10_000;

async function patiently(
  store: KeyStore,
  key: { readonly keyId: string; readonly secret: Secret },
  wanted: (probe: Probe) => boolean,
  signal: AbortSignal,
): Promise<Probe> {
  const { propagation, request } = store.capabilities.timing;
  const until = performance.now() + Math.min(propagation, maxWait);
  for (;;) {
    const seen = await store.probe(key, within(signal, request));
    if (wanted(seen) || performance.now() > until) return seen;
    await sleep(200);
  }
}
