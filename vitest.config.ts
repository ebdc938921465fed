/** Owns how tests run: every file in a process of its own, against servers that the run brings with it. */
import { defineConfig } from 'vitest/config';

const common = { pool: 'forks', testTimeout: 60_000, hookTimeout: 120_000 } as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'fast', include: ['test/{unit,meta}/**/*.test.ts'] } },
      {
        test: { ...common, name: 'sandbox', include: ['test/{sandbox,conformance,embedded}/**/*.test.ts'], maxWorkers: 2 },
      },
      {
        test: {
          ...common,
          name: 'servers',
          include: ['test/{integration,workflow,e2e,replay,chaos}/**/*.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          maxWorkers: 2,
          testTimeout: 180_000,
        },
      },
      { test: { ...common, name: 'record', include: ['test/replay/record.ts'], globalSetup: ['test/support/servers.ts'] } },
    ],
  },
});
