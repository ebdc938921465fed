/** Owns how the test runs; without it, vitest would take the configuration of a folder above. */
export default { test: { include: ['*.test.js'], testTimeout: 60_000 } };
