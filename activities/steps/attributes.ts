/**
 * Owns the change of a key that leaves its secret alone: what it would do, the change itself, the
 * proof that it holds, and its way back.
 */

import {
  type Difference,
  imageFinding,
  imagesDiffer,
  inWords,
  type KeyImage,
  opened,
  type UpdateFacts,
  updateFinding,
  wantedImage,
} from '../../workflows/domain/attributes.js';
import type { CredentialSpec, KeyChange } from '../../workflows/domain/credential.js';
import { errorCodes } from '../../workflows/domain/error-codes.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Leave } from '../../workflows/domain/leave.js';
import { unreachable } from '../../workflows/domain/preflight.js';
import type { Recorded, VersionRecord } from '../../workflows/domain/records.js';
import { isTransient, whyOf } from '../../workflows/domain/transient.js';
import { contextOf, type EffectDeps, effectAtStore, type ObservationDeps, type StepInput, sleep } from '../deps.js';
import type { StoreConfig } from '../ports/connector.js';
import type { Attempt } from '../ports/journal.js';
import type { KeyDescription, KeyStoreView } from '../ports/key-store.js';
import { askAgain } from './patience.js';
import { checkedAccount } from './preflight.js';

/** What a change does; the images are null where something speaks against it. */
export type UpdatePlan = {
  readonly findings: readonly { readonly reason: string; readonly message: string }[];
  readonly keyId: string;
  /** How it was, so that it can be put back. */
  readonly before: KeyImage | null;
  readonly after: KeyImage | null;
  readonly differences: readonly Difference[];
  readonly widens: readonly string[];
  /** Milliseconds in which the store knows a change everywhere. */
  readonly propagation: number;
};

export interface PlanInput extends StepInput {
  /** What this run has planned and the ledger has lost: by now the key may be changed. */
  readonly known: UpdatePlan | null;
}

/** Observes: the key as it is. Writes: the plan, with the image that it can be put back to. */
export async function planUpdate(deps: EffectDeps, { step, known }: PlanInput): Promise<Recorded<UpdatePlan>> {
  const { run, store, versions, once } = await effectAtStore(deps, step);
  const { spec, previousGeneration } = run;
  const config = await deps.targets.storeConfig(run);
  const version = versions.find((v) => v.generation === previousGeneration) ?? null;
  const { change } = run.options.update!;
  const options = { deadline: store.capabilities.timing.request * 3, settle: 0, waitForSettle: false };
  const planning = once(step, options, async (attempt) => {
    if (known) return known;
    attempt.markUnsent('this');
    const { facts, key, identity } = await lookAtKey(deps, store, config, spec, version, attempt.signal);
    attempt.stage({ kind: 'freeze-identities', identities: { store: identity, hosts: {} } });
    return planOf(facts, change, key, spec, store, config);
  });
  return planning.catch(async (error: unknown) => {
    const { store: who, policy } = spec;
    await askAgain(deps, { step, run, who, error, patience: policy.confirm });
    // Where nobody says whose the store is, there is nothing to plan, and nothing is on record.
    const findings = [unreachable(who, whyOf(error))];
    return { result: { ...noPlan(version, store), findings }, head: step.head! };
  });
}

/** What decides about a change: the key as it is, and what its store can. */
export async function lookAtKey(
  deps: Pick<ObservationDeps, 'ledger'>,
  store: KeyStoreView,
  config: StoreConfig,
  spec: CredentialSpec,
  version: VersionRecord | null,
  signal: AbortSignal,
): Promise<{ facts: UpdateFacts; key: KeyDescription | null; identity: string | null }> {
  const account = await checkedAccount(store, signal);
  const key = account && version && store.capabilities.listsKeys ? await store.describe(version.keyId, signal) : null;
  const { disable, undoDelete } = store.capabilities;
  const facts = {
    store: spec.store,
    managementWorks: account !== null,
    isManagementKey: version !== null && account?.managementKeyId === version.keyId,
    sameAccount: account === null || version === null || account.identity === version.account,
    changes: store.update !== undefined && config.changes !== undefined,
    disables: disable && undoDelete !== 'api',
    keyId: version?.keyId ?? null,
    state: key?.state ?? null,
    used: spec.consumers.kind !== 'none',
    last: await deps.ledger.lastUpdate(spec.name),
  };
  return { facts, key, identity: account?.identity ?? null };
}

function noPlan(key: { readonly keyId: string | null } | null, { capabilities }: KeyStoreView): Omit<UpdatePlan, 'findings'> {
  const { propagation } = capabilities.timing;
  return { keyId: key?.keyId ?? '', before: null, after: null, differences: [], widens: [], propagation };
}

export function planOf(
  facts: UpdateFacts,
  change: KeyChange,
  key: KeyDescription | null,
  spec: CredentialSpec,
  store: KeyStoreView,
  config: StoreConfig,
): UpdatePlan {
  const nothing = noPlan(facts, store);
  const finding = updateFinding(facts, change);
  if (finding) return { ...nothing, findings: [finding] };
  const before = imageOf(key!);
  try {
    const after = change.kind === 'undo' ? facts.last!.before : wanted(change, before, spec, store, config);
    const against = imageFinding(facts, change, before, after);
    if (against) return { ...nothing, findings: [against] };
    const differences = imagesDiffer(before, after);
    return { ...nothing, before, after, differences, widens: opened(before, after, config.widens), findings: [] };
  } catch (error) {
    if (!(error instanceof RekeyError) || isTransient(error)) throw error;
    return { ...nothing, findings: [{ reason: 'cannot-be', message: error.detail }] };
  }
}

function wanted(
  change: Exclude<KeyChange, { kind: 'undo' }>,
  present: KeyImage,
  spec: CredentialSpec,
  store: KeyStoreView,
  config: StoreConfig,
): KeyImage {
  const { rightsWith, ofNewKeys } = config.changes!;
  return wantedImage(change, present, {
    declared: spec.attributes,
    ofNewKeys,
    defaults: config.defaultRights ?? {},
    longestName: store.capabilities.names.maxLength,
    rightsWith: (rights, attributes) => rightsWith(rights, attributes, Date.now()),
  });
}

export interface ChangeInput extends StepInput {
  readonly plan: UpdatePlan;
}

/** Observes: that the key is as it was planned for. Writes: the whole of its new image, at once. */
export async function changeKey(deps: EffectDeps, { step, plan }: ChangeInput): Promise<Recorded<{ readonly sent: boolean }>> {
  const { keyId, before, after } = plan;
  const { options } = await deps.ledger.run(step.run);
  const leave: Leave = { gate: 'start', asked: plan.widens.length > 0 && !options.update!.accepted };
  return changed(deps, step, keyId, { image: after!, leave }, (seen, attempt) => {
    attempt.markUnsent('this');
    if (!seen) throw new RekeyError('KR_KEY_CHANGED', `key ${keyId} is not there any more`);
    const done = imagesDiffer(seen, after!).length === 0;
    const other = imagesDiffer(before!, seen);
    if (!done && other.length > 0) throw new RekeyError('KR_KEY_CHANGED', `since it was planned: ${inWords(other)}`);
    return !done;
  });
}

export interface PutBackInput extends ChangeInput {
  /** A person knows that the key is neither as it was nor as it was to be. */
  readonly agreed: boolean;
}

/**
 * Writes: the image that the key had. It is sent whatever the store shows, since a change that was
 * sent may not show yet; only where somebody else has changed the key since, a person is asked
 * first.
 */
export async function putBackKey(
  deps: EffectDeps,
  { step, plan, agreed }: PutBackInput,
): Promise<Recorded<{ readonly sent: boolean }>> {
  const { keyId, before, after } = plan;
  return changed(deps, step, keyId, { image: before! }, (seen, attempt) => {
    attempt.markUnsent('this');
    if (!seen) throw new RekeyError('KR_KEY_GONE', `key ${keyId} is not there any more`);
    const other = imagesDiffer(before!, seen);
    if (!agreed && other.length > 0 && imagesDiffer(after!, seen).length > 0)
      throw new RekeyError('KR_STATE_UNCLEAR', `somebody else changed the key (${inWords(other)}); retry puts it back as it was`);
    return true;
  });
}

/** Sends an image where `decide` says so: it throws where nothing may be sent. */
async function changed(
  deps: EffectDeps,
  step: StepInput['step'],
  keyId: string,
  { image, ...leave }: { readonly image: KeyImage; readonly leave?: Leave },
  decide: (seen: KeyImage | null, attempt: Attempt) => boolean,
): Promise<Recorded<{ readonly sent: boolean }>> {
  const { run, store, versionAt, once } = await effectAtStore(deps, step);
  const version = versionAt(run.previousGeneration);
  const { request, settle } = store.capabilities.timing;
  const before = async (signal: AbortSignal) => {
    const key = await store.describe(keyId, signal);
    return { image: key && imageOf(key) };
  };
  const options = { deadline: request * 4, settle, waitForSettle: false, snapshotBefore: before, ...leave };
  return once(step, options, async (attempt, effects) => {
    const sends = decide(attempt.before.image, attempt);
    if (sends) {
      attempt.beforeSending();
      attempt.markUnsent('no');
      await refusable(attempt, () => effects.update!(keyId, image, attempt.signal));
    }
    if (version.keyName !== image.name)
      attempt.stage({ kind: 'rename-version', generation: version.generation, keyName: image.name });
    return { sent: sends };
  });
}

/** What the store refused for good was not done: then there is nothing to put back. */
async function refusable(attempt: Attempt, send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } catch (error) {
    if (error instanceof RekeyError && !error.retryable && errorCodes[error.code].effect === 'none') attempt.markUnsent('this');
    throw error;
  }
}

/**
 * Looks in a row, and the milliseconds between them: longer than an authentication takes that may
 * write an old row back.
 */
const proofs = { inARow: 6, apart: 200 } as const;

export interface ProveImageInput extends StepInput {
  readonly keyId: string;
  readonly image: KeyImage;
  /** Its time is over: what the store shows now is the answer, and that alone. */
  readonly last: boolean;
}

/**
 * Observes: the key, several times in a row. Throws KR_NOT_YET_HELD, with what differs; at the last
 * look KR_NOT_HELD.
 */
export async function proveImage(
  deps: ObservationDeps,
  { step, keyId, image, last }: ProveImageInput,
  signal: AbortSignal,
): Promise<void> {
  await deps.ledger.enter(step);
  const { run, store } = await contextOf(deps, step, signal);
  for (let looks = 0; looks < proofs.inARow; looks++) {
    if (looks > 0) await sleep(proofs.apart);
    const key = await store.describe(keyId, signal).catch(async (error: unknown) => {
      if (last) await askAgain(deps, { step, run, who: run.spec.store, error, patience: null, signal });
      throw error;
    });
    const other = key ? imagesDiffer(image, imageOf(key)) : null;
    if (other?.length !== 0)
      throw new RekeyError(
        last ? 'KR_NOT_HELD' : 'KR_NOT_YET_HELD',
        other ? `the store shows ${inWords(other)}` : 'the store does not show the key',
      );
  }
}

/** A key that cannot be put in these words never gets so far. */
function imageOf({ name, rights, state }: KeyDescription): KeyImage {
  return { name, rights, state: state === 'live' ? 'live' : 'disabled' };
}
