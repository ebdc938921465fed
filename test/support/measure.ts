/**
 * Measures what each test file costs in processor time, its programs included; the report at the
 * end of a run shows it.
 */
import { afterAll } from 'vitest';
import { processorTime } from './processor-time.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Milliseconds. */
    processorTime?: number;
  }
}

const before = processorTime();

// biome-ignore lint/correctness/noEmptyPattern: Vitest wants the pattern, and names the file behind it.
afterAll(({}, file) => {
  file.meta.processorTime = processorTime() - before;
});
