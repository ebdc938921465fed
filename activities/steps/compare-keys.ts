/** Owns the look at keys outside of any rotation, for a person who waits for the answer. */
import type { KeyLook } from '../../workflows/domain/attributes.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { isTransient, whyOf } from '../../workflows/domain/transient.js';
import { type ApplyDeps, within } from '../deps.js';
import { lookAtKey, planOf } from './attributes.js';
import { askUntil } from './patience.js';

export interface CompareInput {
  readonly store: string;
  readonly credentials: readonly string[];
  /** Leaves out what could not be changed anyway: no key is adopted, or the store changes none. */
  readonly changeable: boolean;
}

/** Milliseconds for all of a store's keys: a person waits for the answer. */
const patience = 10_000;

/**
 * Observes, outside of any rotation: each key as it is, and what would change if it were as it is
 * declared. One that cannot be looked at does not hold up the others.
 */
export async function compareKeys(
  deps: ApplyDeps,
  { store, credentials, changeable }: CompareInput,
  signal: AbortSignal,
): Promise<readonly KeyLook[]> {
  const looks: (KeyLook | null)[] = [];
  const until = performance.now() + patience;
  for (const credential of credentials) looks.push(await compareKey(deps, store, credential, changeable, until, signal));
  return looks.filter((seen) => seen !== null);
}

async function compareKey(
  deps: ApplyDeps,
  name: string,
  credential: string,
  changeable: boolean,
  until: number,
  signal: AbortSignal,
): Promise<KeyLook | null> {
  const nothing = { credential, generation: null, key: null, differences: [], widens: [] };
  try {
    const spec = await deps.ledger.credential(credential);
    const [store, config] = [await deps.applied.store(name), await deps.applied.storeConfig(name)];
    const version = (await deps.ledger.versions(credential)).find((v) => v.state === 'active') ?? null;
    if (changeable && !(version && store.update && config.changes)) return null;
    const { request } = store.capabilities.timing;
    const { facts, key } = await askUntil(until, () =>
      lookAtKey(deps, store, config, spec, version, within(signal, request * 2)),
    );
    const { findings, differences, widens } = planOf(facts, { kind: 'declared' }, key, spec, store, config);
    const shown = key && { id: key.id, name: key.name, state: key.state, rights: key.rights };
    const problem = findings[0]?.message ?? null;
    return { credential, generation: version?.generation ?? null, key: shown, differences, widens, problem };
  } catch (error) {
    if (error instanceof RekeyError || (isTransient(error) && !signal.aborted)) return { ...nothing, problem: whyOf(error) };
    throw error;
  }
}
