/**
 * Owns the processes of a Linux machine: which ones a consumer's are, when they started, and a
 * signal to exactly one of them.
 */
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { NamedProcess, SignalName } from './consumer.js';
import { CommandEnded, type CommandResult, type Machine } from './machine.js';

interface ProcessSeen {
  readonly pid: number;
  /** In clock ticks since boot: with the number it names one process for good. */
  readonly ticks: string;
  /** Milliseconds from the machine's boot, by its clock of processes. */
  readonly sinceBoot: number;
  /** The same moment by the machine's wall clock, rather too early than too late. */
  readonly startedAt: number;
}

/**
 * The clock is read before the time since boot, so that processes seem a little older than they
 * are, never younger.
 */
const look = `
LC_ALL=C; export LC_ALL
[ -r /proc/uptime ] || { echo 'it shows no processes under /proc'; exit 69; }
date +%s.%N; cut -d' ' -f1 /proc/uptime; getconf CLK_TCK
show() { case $1 in ''|*[!0-9]*) echo 'no number of a process stands in it'; exit 65;; esac; cat "/proc/$1/stat" 2>/dev/null || :; }
case $1 in
pidFile) if [ -e "$2" ]; then date -r "$2" +%s.%N && pid=$(head -c 64 -- "$2") || exit 66; show $pid; else echo -; fi;;
unit) echo -; pid=$(systemctl show --property=MainPID --value -- "$2" 2>&1) || { echo "$pid"; exit 66; }; show "$pid";;
name) echo -; cat /proc/[0-9]*/stat 2>/dev/null || :;;
esac`;

/**
 * Between the look and the signal the number may be given out again, so the start is compared once
 * more.
 */
const send = `
now=$(sed 's/.*) //' "/proc/$2/stat" 2>/dev/null | cut -d' ' -f20)
[ "$now" = "$3" ] || exit 64
kill -s "$1" "$2"`;
const gone = 64;

/**
 * A pid file is written by, or for, a process that has started; clocks of the two dates differ by
 * less.
 */
const pidFileSlack = 1_000;

export interface Looked {
  readonly processes: readonly ProcessSeen[];
  /** Why it cannot be told; null where it can. */
  readonly problem: string | null;
}

/** The consumer's processes as they run now; none where it does not run. */
export async function findProcesses(machine: Machine, named: NamedProcess, signal: AbortSignal): Promise<Looked> {
  const [kind, value] = Object.entries(named)[0] as ['name' | 'pidFile' | 'unit', string];
  const result = await runOwn(machine, look, [kind, value], 'KR_HOST_UNAVAILABLE', signal);
  const where = kind === 'pidFile' ? value : kind === 'unit' ? `unit ${value}` : `process ${value}`;
  if (result.exitCode !== 0) return { processes: [], problem: `${where}: ${lastLine(result)}` };

  const [clock, uptime, perSecond, written, ...lines] = result.output.trimEnd().split('\n');
  const bootedAt = Number(clock) * 1000 - Number(uptime) * 1000;
  const tick = 1000 / Number(perSecond);
  if (!Number.isFinite(bootedAt) || !Number.isFinite(tick))
    return { processes: [], problem: 'the machine does not tell the time in fractions of a second' };

  const all = lines.flatMap((line) => statOf(line, bootedAt, tick));
  if (kind === 'name') {
    const ours = all.filter(({ name }) => name === value.slice(0, 15));
    // A worker process has its parent's name; the parent is the program.
    return { processes: ours.filter(({ parent }) => !ours.some(({ pid }) => pid === parent)), problem: null };
  }
  // One that started after the file was written is not the one that wrote it: its number was given
  // out again.
  const latest = written === '-' ? Number.POSITIVE_INFINITY : Number(written) * 1000 + pidFileSlack;
  return { processes: all.filter(({ startedAt }) => startedAt <= latest), problem: null };
}

/**
 * Sends the signal to the consumer's one process. None runs: then it starts from its source by
 * itself. Throws KR_HOST_REFUSED where several do.
 */
export async function signalProcess(machine: Machine, named: NamedProcess, name: SignalName, signal: AbortSignal): Promise<void> {
  const { processes, problem } = await findProcesses(machine, named, signal);
  if (problem !== null) throw new RekeyError('KR_HOST_REFUSED', problem);
  if (processes.length > 1)
    throw new RekeyError(
      'KR_HOST_REFUSED',
      `${processes.length} processes have this name; say which one by its pid file or unit`,
    );
  const [process] = processes;
  if (!process) return;
  const result = await runOwn(machine, send, [name, `${process.pid}`, process.ticks], 'KR_HOST_UNCLEAR', signal);
  if (result.exitCode !== 0 && result.exitCode !== gone)
    throw new RekeyError('KR_HOST_REFUSED', `process ${process.pid} could not be sent ${name}: ${lastLine(result)}`);
}

async function runOwn(
  machine: Machine,
  script: string,
  args: readonly string[],
  ended: 'KR_HOST_UNAVAILABLE' | 'KR_HOST_UNCLEAR',
  signal: AbortSignal,
): Promise<CommandResult> {
  try {
    return await machine.run({ script, args, own: true }, signal);
  } catch (error) {
    if (error instanceof CommandEnded) throw new RekeyError(ended, `looking at processes was ${error.message}`);
    throw error;
  }
}

interface Stat extends ProcessSeen {
  readonly name: string;
  readonly parent: number;
}

/**
 * One line of /proc/PID/stat (proc(5)). The name stands in parentheses and may hold anything; a
 * zombie runs no more.
 */
function statOf(line: string, bootedAt: number, tick: number): Stat[] {
  const parts = /^(\d+) \((.*)\) (\S) (.*)$/.exec(line);
  if (!parts) return [];
  const [, pid, name = '', state, rest = ''] = parts;
  const fields = rest.split(' ');
  const [parent, ticks] = [fields[0], fields[18]];
  if (ticks === undefined || state === 'Z' || state === 'X') return [];
  const sinceBoot = Number(ticks) * tick;
  return [{ pid: Number(pid), name, parent: Number(parent), ticks, sinceBoot, startedAt: bootedAt + sinceBoot }];
}

function lastLine({ exitCode, output }: CommandResult): string {
  return output.trimEnd().split('\n').at(-1)?.slice(0, 200) || `ended with exit code ${exitCode}`;
}
