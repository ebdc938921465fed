/**
 * Owns the identity of processes: pid and start time together, so that a pid that was given to a
 * stranger is left alone.
 */
import { readFileSync } from 'node:fs';

/**
 * Clock ticks since boot at which the process began; null when there is no such process, or no
 * /proc to ask.
 */
export function startedTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command stands in brackets and may hold anything; the fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : fields[19]!;
  } catch {
    return null;
  }
}

export function isSame(process: { readonly pid: number; readonly startedTicks: string | null }): boolean {
  return process.startedTicks !== null && startedTicks(process.pid) === process.startedTicks;
}

/** Ends a process that is provably the one that was recorded: politely, then for good. */
export async function endProcess(
  process_: { readonly pid: number; readonly startedTicks: string | null },
  politeMs: number,
): Promise<void> {
  for (const [signal, maxWait] of [
    ['SIGTERM', politeMs],
    ['SIGKILL', 2_000],
  ] as const) {
    if (!isSame(process_)) return;
    try {
      process.kill(process_.pid, signal);
    } catch {
      return;
    }
    for (const until = performance.now() + maxWait; performance.now() < until && isSame(process_); )
      await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
