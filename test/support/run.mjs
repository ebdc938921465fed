/**
 * Owns what belongs to a run of tests: one folder for its files and one mark on its processes. Both
 * are gone when the run ends, however it ends.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * In the environment of every process of a run but those that get one of their own: they have the
 * folder in their arguments, or end with the one that started them.
 */
const mark = 'REKEY_TEST_RUN';

/**
 * In memory where there is room: a run replaces thousands of small files, which a disk has to write
 * each time. Nothing that is tested depends on it, since processes are killed here and no machine
 * is.
 */
function folderOfRuns() {
  const memory = '/dev/shm';
  if (process.env.TMPDIR || !existsSync(memory)) return os.tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 4 * 2 ** 30 ? memory : os.tmpdir();
}

/**
 * Vitest calls it once for each project: the first call begins the run, unless the caller of Vitest
 * has begun it.
 */
export default function beginRun() {
  if (process.env[mark]) return;
  const folder = mkdtempSync(path.join(folderOfRuns(), 'rekey-test-'));
  // PostgreSQL's own account must be able to go through it.
  chmodSync(folder, 0o755);
  const run = randomUUID();
  // It outlives this process, which it watches through the pipe: whatever ends us closes it.
  const reaper = spawn(process.execPath, [path.join(import.meta.dirname, 'reap.mjs'), folder, `${mark}=${run}`], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  reaper.unref();
  reaper.stdin.unref();
  process.env[mark] = run;
  process.env.TMPDIR = folder;
  // Temporal's server cleans up its memory less often: there is enough of it.
  process.env.GOGC ??= '400';
}
