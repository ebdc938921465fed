/**
 * A run of tests begins with the files that take longest, and one that is killed leaves nothing
 * behind: not its folder, and none of its processes.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { longest } from '../support/longest-first.js';

it.each(longest)('knows %s under the name that it has', (name) => {
  expect(existsSync(name)).toBe(true);
});

const run = path.resolve(import.meta.dirname, '../support/run.mjs');

/**
 * Begins a run, makes a file in its folder, and starts a program that leaves its group and heeds no
 * signal that asks.
 */
const program = `
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import beginRun from ${JSON.stringify(run)};
beginRun();
mkdtempSync(path.join(os.tmpdir(), 'of-a-test-'));
const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
const child = spawn(process.execPath, ['-e', stubborn], { detached: true, stdio: 'ignore' });
process.stdout.write(child.pid + '\\n');
setInterval(() => {}, 1000);
`;

const lives = (pid: number): boolean => existsSync(`/proc/${pid}`);

it.runIf(existsSync('/proc')).each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('by %s', async (signal) => {
  const tmp = mkdtempSync(path.join(os.tmpdir(), 'rekey-run-test-'));
  const { REKEY_TEST_RUN: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...env, TMPDIR: tmp },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve)));
  expect([lives(pid), readdirSync(tmp)]).toEqual([true, [expect.stringMatching(/^rekey-test-/)]]);
  child.kill(signal);
  await expect.poll(() => [lives(pid), readdirSync(tmp)], { timeout: 30_000 }).toEqual([false, []]);
  rmSync(tmp, { recursive: true });
});
