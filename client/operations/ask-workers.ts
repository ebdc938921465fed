/** Owns asking workers what they alone can look at, outside of any run, for a person who waits. */
import { randomUUID } from 'node:crypto';
import { mainQueue } from '../../workflows/contract.js';
import { executeWorkflow } from '../messages.js';
import type { Access } from './access.js';

interface Question {
  /** The workflow that asks. */
  readonly of: string;
  readonly body: object;
  /** What the workflow's id begins with. */
  readonly about: string;
  /** Milliseconds. */
  readonly within: number;
}

/** An answer is one to its own question: two who look at once are asked for twice. */
export function askWorkers<Result>(access: Access, { of, body, about, within }: Question): Promise<Result> {
  return access.callTemporal((client) =>
    executeWorkflow<Result>(client, of, body, {
      workflowId: `${about}/${randomUUID()}`,
      workflowExecutionTimeout: within,
      workflowTaskTimeout: '2s',
      taskQueue: mainQueue,
    }),
  );
}
