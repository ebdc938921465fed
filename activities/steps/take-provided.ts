/**
 * Owns the second half of an effect that a person carries out: taking what was done, after a look
 * of our own.
 */
import type { JsonObject } from '../../workflows/domain/credential.js';
import type { ManualEffect } from '../../workflows/domain/manual.js';
import type { Recorded, VersionRecord } from '../../workflows/domain/records.js';
import { type AskingDeps, contextOf, type StepContext, secretOf, sleep, within } from '../deps.js';
import type { Change } from '../ports/journal.js';
import { acceptedEverywhere, type KeyReference, type KeyStoreView, type Probe, refusedEverywhere } from '../ports/key-store.js';
import type { Secret } from '../ports/secret.js';
import type { NewSecret } from '../ports/vault.js';
import type { ManualInput } from './ask-person.js';
import { mintedVersion } from './mint.js';
import { regeneratedVersion } from './regenerate.js';

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

type Taken = Recorded<JsonObject> | NotTaken;
type Take = (deps: AskingDeps, context: StepContext, input: ProvidedInput, signal: AbortSignal) => Promise<Taken>;

const takes: Readonly<Record<ManualEffect, Take>> = {
  mint: takeKey({
    idOf: ({ store }, _, secret, { keyId, tag }) => (store.capabilities.idIsSecret ? secret.handle : (keyId ?? tag)),
    recordOf: ({ run }, previous, secret, sealed, { generation, tag }, id) => ({
      outcome: { generation, keyId: id, fingerprint: secret.fingerprint },
      changes: [mintedVersion(run, previous, { id, name: tag, secret }, sealed)],
    }),
  }),
  regenerate: takeKey({
    idOf: (_, previous) => previous.keyId,
    recordOf: ({ run }, previous, secret, sealed, { generation }) => ({
      outcome: { generation, secretChanged: null },
      changes: regeneratedVersion(run, previous, secret, sealed),
    }),
  }),
  disable: takeWord({ wanted: refusedEverywhere, otherwise: 'still accepted', wrongly: true, event: () => 'disable' }),
  revoke: takeWord({ wanted: refusedEverywhere, otherwise: 'still accepted', wrongly: true, event: () => 'revoke' }),
  enable: takeWord({
    wanted: acceptedEverywhere,
    otherwise: 'not accepted yet',
    wrongly: false,
    // An enable of what was never recorded as disabled changes nothing in our ledger.
    event: ({ state }) => (state === 'disabled' ? 'enable' : null),
  }),
};

/**
 * Observes: whether what a person says to have done holds. Writes: the outcome of the step, or
 * nothing.
 */
export async function takeProvided(deps: AskingDeps, input: ProvidedInput, signal: AbortSignal): Promise<Taken> {
  // Asked again because the first answer was lost: what was handed in is gone, or not needed.
  const recorded = await deps.ledger.recorded(input.step);
  if (recorded && input.secretRef !== null) await deps.vault.discard(input.secretRef);
  return recorded ?? takes[input.effect](deps, await contextOf(deps, input.step, signal), input, signal);
}

/** What a key that was handed in is, and what becomes of it in our ledger. */
interface HandedIn {
  idOf(context: StepContext, previous: VersionRecord, secret: Secret, input: ProvidedInput): string;
  recordOf(
    context: StepContext,
    previous: VersionRecord,
    secret: Secret,
    sealed: NewSecret,
    input: ProvidedInput,
    id: string,
  ): { readonly outcome: JsonObject; readonly changes: readonly Change[] };
}

function takeKey(what: HandedIn): Take {
  return async (deps, context, input, signal) => {
    const { secretRef } = input;
    if (secretRef === null) return { refused: 'hand the new key in on standard input' };
    const secret = await deps.vault.open(secretRef);
    const taken = await takeSecret(deps, what, context, secret, input, signal);
    // Nobody looks at it again; one that was taken went with the outcome.
    if ('refused' in taken) await deps.vault.discard(secretRef);
    return taken;
  };
}

async function takeSecret(
  deps: AskingDeps,
  { idOf, recordOf }: HandedIn,
  context: StepContext,
  secret: Secret,
  input: ProvidedInput,
  signal: AbortSignal,
): Promise<Taken> {
  const { run, store, versions, versionAt } = context;
  const known = versions.find((v) => v.fingerprint === secret.fingerprint && v.generation !== input.generation);
  if (known) return { refused: `this is the key of generation ${known.generation}, no new one` };
  const previous = versionAt(run.previousGeneration);
  const id = idOf(context, previous, secret, input);
  // Where a refused login counts towards a lock, the one login is left to the step that counts it.
  if (store.capabilities.probeRetryOn401) {
    const seen = await patiently(store, { keyId: id, secret }, acceptedEverywhere, signal);
    if (!acceptedEverywhere(seen)) return { refused: `${run.spec.store} does not accept this key` };
  }
  const { outcome, changes } = recordOf(context, previous, secret, await deps.vault.seal(secret), input, id);
  return deps.ledger.answered(input.step, input.attempt, outcome, [...changes, ...discardOf(input)]);
}

/** What was handed in goes in the transaction of what became of it. */
function discardOf({ secretRef }: ProvidedInput): Change[] {
  return secretRef === null ? [] : [{ kind: 'discard-secret', ref: secretRef }];
}

/** What a person's word is held against. */
interface Word {
  wanted(probe: Probe): boolean;
  /** How an endpoint is that tells otherwise, in words, and whether it accepts the key. */
  readonly otherwise: string;
  readonly wrongly: boolean;
  event(version: VersionRecord): 'disable' | 'enable' | 'revoke' | null;
}

function takeWord({ wanted, otherwise, wrongly, event }: Word): Take {
  return async (deps, { store, versionAt }, input, signal) => {
    const { step, generation, attempt, secretRef } = input;
    const version = versionAt(generation);
    const seen = await probed(deps, store, version, wanted, signal);
    if (seen !== null && !wanted(seen)) {
      const endpoints = seen.endpoints.filter(({ accepted }) => accepted === wrongly).map((d) => d.endpoint);
      if (secretRef !== null) await deps.vault.discard(secretRef);
      return { refused: `the key is ${otherwise} at ${endpoints.join(', ')}` };
    }
    const moved = event(version);
    const changes: Change[] = moved ? [{ kind: 'move-version', generation, event: moved }] : [];
    changes.push(...discardOf(input));
    return deps.ledger.answered(step, attempt, { generation, keyId: version.keyId }, changes);
  };
}

/** Null where it cannot be asked: then the person's word stands. */
async function probed(
  deps: AskingDeps,
  store: KeyStoreView,
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
  store: KeyStoreView,
  key: KeyReference,
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
