/**
 * Owns the answer to whoever asks for what a workflow was started with: which run it is, or why
 * there is none.
 */
import { ApplicationFailure, allHandlersFinished, condition, setHandler } from '@temporalio/workflow';
import { type JoinRequest, joinUpdate, type RunOrder } from '../contract.js';
import { canonicalJson } from '../domain/json.js';
import type { Run } from './run.js';

/** Set before anything is waited for: a start and its question come in one. */
export async function answerJoins(order: RunOrder, opening: Promise<Run>): Promise<Run> {
  let open: Run | null = null;
  const validator = ({ options }: JoinRequest) => {
    if (canonicalJson(options as never) === canonicalJson(order.options as never)) return;
    const name = open?.row.id ?? `a rotation of ${order.credential}`;
    throw ApplicationFailure.nonRetryable(`${name} is open with other options`, 'KR_ALREADY_OPEN');
  };
  const join = async () => {
    const { row, phase } = await opening;
    return { run: row.id, phase };
  };
  setHandler(joinUpdate, join, { validator });
  try {
    open = await opening;
    return open;
  } catch (error) {
    await condition(allHandlersFinished);
    throw error;
  }
}
