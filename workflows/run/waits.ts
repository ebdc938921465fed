/** Owns what a run waits for on its way: a bake, requests that may still land, a person. */
import { isCancellation, sleep } from '@temporalio/workflow';
import { isOvertaken, messageOf } from '../failures.js';
import { pausePoint } from './gates.js';
import type { Run } from './run.js';

/** Waits after a wave; expedite and skip end it. */
export async function bake(run: Run, milliseconds: number): Promise<void> {
  await pausePoint(run);
  if (milliseconds === 0 || run.operator.expedited) return;
  await run.operator.skippably('bake', () => run.operator.baked(milliseconds));
}

/**
 * Repeats a step that failed for good once a person has said `retry`; for the ways on which there
 * is no other way out.
 */
export async function retryUntilOperator<Result>(run: Run, attempt: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (isOvertaken(error) || isCancellation(error)) throw error;
      await waitForOperator(run, messageOf(error));
    }
  }
}

/** Stands still until a person says `retry`, for a state that no machine may judge. */
export async function waitForOperator(run: Run, why: string): Promise<void> {
  await run.tell({
    kind: 'operator',
    text: `a person: ${why}`,
    person: true,
    deadline: new Date(Date.now()).toISOString(),
    nextCommands: ['retry'],
  });
  await run.operator.retried();
}

/** Waits until nothing that was sent before can land any more. */
export async function settle(run: Run, milliseconds: number): Promise<void> {
  const deadline = new Date(Date.now() + milliseconds).toISOString();
  await run.tell({ kind: 'settle', text: 'earlier requests to land or to be void', person: false, deadline, nextCommands: [] });
  await sleep(milliseconds);
}
