/**
 * Runs a test file twenty times, or as often as is said, while busy processes hold the cores: `npm
 * run stress -- FILE [TIMES]`. What passes there waits for what it needs, and measures nothing by a
 * clock.
 */
import { spawn, spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import beginRun from './support/run.mjs';

const busyProcesses = 2;
const root = path.resolve(import.meta.dirname, '..');
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');

const [file, times = '20', ...rest] = process.argv.slice(2);
const runs = Number(times);
if (!file || !Number.isSafeInteger(runs) || runs < 1 || rest.length > 0) {
  console.error('Usage: npm run stress -- FILE [TIMES], such as test/e2e/rotations.test.ts');
  process.exit(2);
}
beginRun();
if (spawnSync(process.execPath, [path.join(root, 'build.mjs')], { stdio: 'inherit' }).status !== 0) process.exit(1);

// They belong to the run, and end with it.
for (let busy = 0; busy < busyProcesses; busy++) spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }).unref();

let failed = 0;
for (let run = 1; run <= runs; run++) {
  const began = performance.now();
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run', '--reporter=default', '--project', '!soak', file], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1024 * 1024 * 1024,
  });
  const took = `${((performance.now() - began) / 1000).toFixed(0)} s`;
  console.log(`${run} of ${runs}: ${status === 0 ? 'passed' : 'FAILED'} in ${took}`);
  if (status === 0) continue;
  failed += 1;
  console.log(stdout);
}
console.log(
  `${file}, ${os.availableParallelism()} cores and ${busyProcesses} busy processes: ${runs - failed} passed, ${failed} failed`,
);
process.exit(failed === 0 ? 0 : 1);
