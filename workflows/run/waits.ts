/** Owns what a run waits for on its way: a bake, requests that may still land, a person. */
import { isCancellation, sleep } from '@temporalio/workflow';
import type { Wait } from '../domain/records.js';
import { type Held, joined } from '../domain/waits.js';
import { isHopeless, isOvertaken, messageOf } from '../failures.js';
import { pausePoint } from './gates.js';
import type { Run } from './run.js';

/** A wait, as far as the run knows it; which commands end it is decided when it is told. */
export type WaitTold = Omit<Wait, 'nextCommands'> & Held;

/** Waits after a wave; expedite and skip end it. */
export async function bake(run: Run, wave: number, milliseconds: number): Promise<void> {
  await pausePoint(run);
  if (milliseconds === 0 || run.operator.expedited) return;
  const deadline = new Date(Date.now() + milliseconds).toISOString();
  const text = `wave ${wave} to show that it does well`;
  const { number } = await run.tell({ kind: 'bake', step: `bake/${wave}`, text, person: false, deadline, skips: true });
  await run.operator.baked(number, milliseconds);
  // Paused while it lasted: the next wave is another step.
  await pausePoint(run);
}

/**
 * Repeats a step that failed for good once a person has said `retry`; for the ways on which there
 * is no other way out. `leftOut`: what it comes to where that person does without it.
 */
export async function retryUntilOperator<Result>(
  run: Run,
  attempt: () => Promise<Result>,
  { leftOut, ...held }: Omit<Held, 'skips'> & { readonly leftOut?: Result } = {},
): Promise<Result> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (isOvertaken(error) || isCancellation(error)) throw error;
      const skips = leftOut !== undefined;
      const answer = await waitForOperator(run, messageOf(error), { ...held, hopeless: isHopeless(error), skips });
      if (answer === 'leave-out') return leftOut!;
    }
  }
}

/**
 * Stands still until a person says what is to become of a step, for a state that no machine may
 * judge. Steps that stand still side by side are one wait.
 */
export async function waitForOperator(run: Run, why: string, held: Held = {}): Promise<'repeat' | 'leave-out'> {
  const hold = { why, ...held };
  run.holds.add(hold);
  try {
    const { why: all, ...together } = joined([...run.holds]);
    const deadline = new Date(Date.now()).toISOString();
    const { number } = await run.tell({ kind: 'operator', text: `a person: ${all}`, person: true, deadline, ...together });
    return await run.operator.held({ kind: 'operator', number, ...held });
  } finally {
    run.holds.delete(hold);
  }
}

/** Waits until nothing that was sent before can land any more. */
export async function settle(run: Run, milliseconds: number): Promise<void> {
  const deadline = new Date(Date.now() + milliseconds).toISOString();
  await run.tell({ kind: 'settle', text: 'earlier requests to land or to be void', person: false, deadline });
  await sleep(milliseconds);
}
