/** Owns the look at how full a store is, and how fast it answers, for a person who plans. */
import type { StoreSurvey } from '../../workflows/domain/outlook.js';
import { type ApplyDeps, within } from '../deps.js';
import { askUntil } from './patience.js';

/** Milliseconds: an incident is planned by somebody who waits. */
const patience = 5_000;

/** Observes, outside of any run. */
export async function surveyStore(
  { applied }: Pick<ApplyDeps, 'applied'>,
  { store: name }: { readonly store: string },
  signal: AbortSignal,
): Promise<StoreSurvey> {
  const store = await applied.store(name);
  const { minKeys, disable, undoDelete, listsKeys, timing } = store.capabilities;
  const { request, propagation } = timing;
  const ask = () => store.check(within(signal, request));
  const { keys, maxKeys } = await askUntil(performance.now() + patience, ask);
  return { keys, minKeys, maxKeys, switches: { disable, undoDelete, listsKeys }, request, propagation };
}
