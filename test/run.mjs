/** Runs the tests and closes with one plain line; a run that executed no test has failed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import beginRun from './support/run.mjs';

const root = path.resolve(import.meta.dirname, '..');
beginRun();
const report = path.join(os.tmpdir(), 'report.json');

const built = spawnSync(process.execPath, [path.join(root, 'build.mjs')], { stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const asked = process.argv.slice(2);
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = [
  'run',
  '--reporter=default',
  '--reporter=./test/support/report.ts',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...(asked.length > 0 ? asked : ['fast', 'workflow', 'sandbox', 'servers', 'sample'].flatMap((name) => ['--project', name])),
];
const run = spawnSync(process.execPath, [vitest, ...args], { cwd: root, stdio: 'inherit' });

let counts = { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 1, numPendingTests: 0 };
try {
  counts = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  // Without a report nothing is known to have passed.
}
// A file that could not be loaded has no failed test, but is no success either.
const failed = counts.numFailedTests + (run.status !== 0 && counts.numFailedTests === 0 ? 1 : 0);
const skipped = counts.numPendingTests > 0 ? `, ${counts.numPendingTests} skipped` : '';
console.log(`${counts.numPassedTests} passed, ${failed} failed${skipped}`);
process.exit(run.status === 0 && counts.numPassedTests > 0 ? 0 : 1);
