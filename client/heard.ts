/**
 * Owns saying something to a workflow until it is heard. A worker that dies, or is too busy, leaves
 * the workflow's task to another one, and Temporal refuses updates meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';

/** How often, and after how many milliseconds, an update is sent again that nobody has heard. */
const mostTries = 10;
const triesApart = 1_000;
/** FAILED_PRECONDITION of google.rpc.Code. */
const failedPrecondition = 9;

/** What was refused so was not begun: it may be said again, as the same or as another one. */
export async function untilHeard<Result>(say: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await say();
    } catch (error) {
      if (!isUnheard(error) || tries === mostTries) throw error;
      await pause(triesApart);
    }
  }
}

/** The word of Temporal itself; where a start comes with it, the SDK does not wrap it. */
const isUnheard = (error: unknown): boolean =>
  [error, (error as Error).cause].some((said) => isGrpcServiceError(said) && said.code === failedPrecondition);
