/**
 * Waits until the process at the other end of its standard input is gone, then ends every process
 * that carries the run's mark and removes the run's folder.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [folder, mark] = process.argv.slice(2);

/** Processes of other accounts cannot be read, and are none of ours. */
function isMarked(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
  } catch {
    return false;
  }
}

/**
 * How many were found: one that is being ended may still start another. Where there is no /proc,
 * none is.
 */
function endMarked() {
  let pids = [];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isMarked(name));
  } catch {
    // Only the folder is cleaned up here.
  }
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  return pids.length;
}

process.stdin.resume().once('close', async () => {
  for (let tries = 0; endMarked() > 0 && tries < 100; tries++) await sleep(50);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
