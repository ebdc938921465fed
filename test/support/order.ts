/** Owns orders in tests: each is a new one, and comes with the workflow that is named. */
import { randomUUID } from 'node:crypto';
import type { Order } from '../../workflows/domain/records.js';

export const anOrder = (workflowRun = 'run-1'): Order => ({ id: randomUUID(), workflowRun });
