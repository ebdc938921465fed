/** Owns the end of a run: on record first, and whoever has said something gets an answer. */
import { allHandlersFinished, condition } from '@temporalio/workflow';
import { localLedger } from '../activity-options.js';
import type { RunReport } from '../contract.js';
import { type Outcome, sequenceOf } from '../domain/states.js';
import { Refused } from '../failures.js';
import type { Run } from './run.js';

/** Ends as refused where something spoke against beginning. */
export async function orRefused(run: Run, way: () => Promise<RunReport>): Promise<RunReport> {
  try {
    return await way();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    run.enter('closing');
    return endRun(run, 'refused', error.message, null);
  }
}

export async function endRun(run: Run, outcome: Outcome, reason: string | null, downtimeMs: number | null): Promise<RunReport> {
  await localLedger.close({ step: run.step('close'), outcome, reason, downtimeMs });
  await condition(allHandlersFinished);
  const { id, credential, generation, previousGeneration } = run.row;
  return {
    run: id,
    credential,
    sequence: sequenceOf(run.row),
    generation: generation ?? previousGeneration,
    outcome,
    reason,
    downtimeMs,
  };
}
