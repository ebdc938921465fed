/**
 * Owns the proof that a process is the one that we started: a pid alone is reused, a pid with its
 * start time is not.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot, as /proc shows it. */
  readonly startTime: string;
  readonly command: string;
}

/** Undefined if there is no such process, or no /proc to prove it by. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold spaces: what follows the last
    // bracket is safe to split.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    return { pid, startTime: fields[19]!, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') };
  } catch {
    return undefined;
  }
}

/**
 * Kills what an earlier life left behind, and nothing that merely has the same pid. Resolves when
 * it is gone.
 */
export async function endLeftover(left: ProcessIdentity): Promise<void> {
  while (isSame(left, identify(left.pid))) {
    process.kill(left.pid, 'SIGKILL');
    await sleep(10);
  }
}

function isSame(a: ProcessIdentity, b: ProcessIdentity | undefined): boolean {
  return b !== undefined && a.pid === b.pid && a.startTime === b.startTime && a.command === b.command;
}
