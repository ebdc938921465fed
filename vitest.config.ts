/**
 * Owns how tests run: in which processes, how many side by side, and against servers that the run
 * brings with it.
 */
import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.js';

const run = 'test/support/run.mjs';
const common = {
  pool: 'forks' as const,
  globalSetup: [run],
  setupFiles: ['test/support/measure.ts'],
  // Bounds on a hang, for a machine that is slow and busy; nothing is measured by them.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  maxWorkers: 3,
};
const withServers = { ...common, globalSetup: [run, 'test/support/servers.ts'], testTimeout: 900_000 };

/**
 * One group after the other: what starts servers and programs must not be held up by what only
 * computes.
 */
const group = (groupOrder: number) => ({ sequence: { groupOrder } });

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...common, ...group(0), isolate: false, name: 'fast', include: ['test/{unit,meta}/**/*.test.ts'] } },
      {
        test: {
          ...common,
          ...group(0),
          globalSetup: [run, 'test/support/temporal.ts'],
          name: 'workflow',
          include: ['test/workflow/**/*.test.ts'],
          // They wait for the server most of the time; each has a workflow of its own.
          isolate: false,
          maxConcurrency: 6,
        },
      },
      // From here on files wait most of the time: for keys to spread, for programs to start, for a
      // grace to end.
      {
        test: {
          ...common,
          ...group(1),
          maxWorkers: 6,
          isolate: false,
          name: 'sandbox',
          include: ['test/{sandbox,conformance}/**/*.test.ts'],
        },
      },
      {
        test: {
          ...withServers,
          ...group(1),
          maxWorkers: 6,
          isolate: false,
          name: 'servers',
          include: ['test/{integration,e2e,hostile,replay,chaos,upgrade}/**/*.test.ts'],
        },
      },
      { test: { ...withServers, ...group(3), name: 'sample', include: ['test/matrix/sample.test.ts'] } },
      {
        test: {
          ...withServers,
          ...group(3),
          name: 'matrix',
          include: ['test/matrix/{matrix,incidents,vendors,way-back,take-over,hundred-keys}.test.ts'],
          fileParallelism: false,
        },
      },
      { test: { ...withServers, ...group(4), name: 'bench', include: ['test/bench/bench.ts'] } },
      { test: { ...common, ...group(6), name: 'soak', include: ['test/soak/**/*.test.ts'] } },
      {
        test: {
          ...withServers,
          ...group(5),
          name: 'record',
          include: ['test/{replay,upgrade}/record.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
});
