/**
 * Waits until the process at the other end of its standard input is gone, then ends every process
 * of the run and removes the run's folder.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [folder, mark] = process.argv.slice(2);

/**
 * By its environment, or, where it was given another, by the folder in its arguments. Processes of
 * other accounts cannot be read, and are none of ours.
 */
function isOfRun(pid) {
  try {
    const [environment, args] = ['environ', 'cmdline'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
    return environment.split('\0').includes(mark) || args.includes(`${folder}/`);
  } catch {
    return false;
  }
}

/**
 * How many were found: one that is being ended may still start another. Where there is no /proc,
 * none is.
 */
function endAll() {
  let pids = [];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isOfRun(name));
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
  for (let tries = 0; endAll() > 0 && tries < 100; tries++) await sleep(50);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
