/**
 * Owns the processor time of a process and of all that it has started: read from /proc, or of the
 * process alone where there is none.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Milliseconds in one of the kernel's clock ticks, 100 of which make a second for every program
 * (man 7 time).
 */
const tick = 10;

interface Row {
  readonly parent: number;
  /** Its own time and that of its children that have ended. */
  readonly milliseconds: number;
}

/** Milliseconds of processor time of this process and of everything below it, ended or alive. */
export function processorTime(): number {
  if (!existsSync('/proc/self/stat')) {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
  const rows = new Map<number, Row>();
  for (const name of readdirSync('/proc')) {
    const row = /^\d+$/.test(name) && rowOf(name);
    if (row) rows.set(Number(name), row);
  }
  const isBelow = (pid: number): boolean => pid === process.pid || (rows.has(pid) && isBelow(rows.get(pid)!.parent));
  return [...rows].reduce((sum, [pid, { milliseconds }]) => sum + (isBelow(pid) ? milliseconds : 0), 0);
}

function rowOf(pid: string): Row | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command stands in brackets and may hold anything; the fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { parent: Number(fields[1]), milliseconds: ticks * tick };
  } catch {
    return undefined;
  }
}
