/** Owns what a step says while it waits for a change to be known at every endpoint. */
import { canGiveBack, type RunRecord, type StepRef, type VersionRecord } from '../../workflows/domain/records.js';
import { sequenceOf } from '../../workflows/domain/states.js';
import type { VerbFacts } from '../../workflows/domain/verbs.js';
import { exitsOf, type Held } from '../../workflows/domain/waits.js';
import { type ObservationDeps, requiredOf } from '../deps.js';

/** What the table of verbs needs to know, as far as a step knows it. */
export function factsOf(
  run: RunRecord,
  { phase }: StepRef,
  { crossed = false, bound = false }: { readonly crossed?: boolean; readonly bound?: boolean } = {},
): Omit<VerbFacts, 'waits'> {
  const { direction, paused, expedited } = run;
  const consumers = requiredOf(run).map(({ name }) => name);
  // No wait is ended by the correction of a consumer.
  return { sequence: sequenceOf(run), phase, direction, paused, expedited, crossed, bound, consumers, untouched: [] };
}

/** Whether nothing can be given back to consumers that were handed the new version. */
export function isBound(run: RunRecord, old: VersionRecord): boolean {
  return !canGiveBack(old) && requiredOf(run).length > 0;
}

/** In the place of a step that is only entered: a wait with the store's own time as deadline. */
export async function tellSpread(
  deps: ObservationDeps,
  step: StepRef,
  facts: Omit<VerbFacts, 'waits'>,
  { text, milliseconds, ...held }: Held & { readonly text: string; readonly milliseconds: number },
): Promise<void> {
  await deps.ledger.openWait(step, {
    kind: 'spread',
    step: step.key,
    text,
    person: false,
    deadline: new Date(Date.now() + milliseconds).toISOString(),
    nextCommands: exitsOf({ kind: 'spread', number: null, ...held }, facts),
  });
}
