/**
 * Decides whether a process has started after its source was changed last. A wall clock may step
 * between the two, so the time since boot is asked wherever it can tell; what cannot be told is no.
 */

export interface MachineClock {
  /** The boot that the machine is in, by its own id. */
  readonly boot: string;
  /** Milliseconds since then: they go on, whatever happens to the wall clock. */
  readonly uptime: number;
  /** Milliseconds since 1970, as the machine has it at the same moment. */
  readonly wall: number;
}

/** From /proc, as the system shows it; null where it shows anything else. */
export function clockOf(uptime: string, boot: string, wall: number): MachineClock | null {
  const seconds = /^(\d+\.\d+) /.exec(uptime)?.[1];
  if (seconds === undefined || boot.trim() === '' || !Number.isFinite(wall)) return null;
  return { boot: boot.trim(), uptime: Number(seconds) * 1000, wall };
}

/** When a hand-out last saw that the file is as it was to be. */
interface Standing extends MachineClock {
  /** Which state of the file that was: after any change of the file it is another. */
  readonly state: string;
}

export interface SourceSeen {
  readonly state: string;
  /** Of its last change, by the wall clock of that moment. */
  readonly changedAt: number;
  /** Null where the machine does not tell. */
  readonly clock: MachineClock | null;
  /** Null where rekey has never handed anything out there, or could not tell when. */
  readonly standing: Standing | null;
}

/**
 * `sinceBoot`: in milliseconds; null where only a wall clock has told. `wall`: the same moment by
 * the wall clock.
 */
export interface Started {
  readonly sinceBoot: number | null;
  readonly wall: number;
}

/**
 * How far the clocks of processes and of files may be apart on one machine: both go in steps of a
 * hundredth of a second at most.
 */
const clockStep = 10;

export function startedAfterChange({ sinceBoot, wall }: Started, source: SourceSeen): boolean {
  const { clock, standing, changedAt } = source;
  const stands = standing?.state === source.state ? standing : null;
  if (sinceBoot !== null && stands !== null && clock !== null)
    // What has not changed since an earlier boot was there before everything that runs now.
    return stands.boot !== clock.boot || sinceBoot > stands.uptime;

  // By the wall clock: somebody else changed the file last, or nothing but that clock has told of
  // the start.
  if (clock === null) return wall > changedAt + clockStep;
  // Each of the two moments may have been dated before or after the clock was set.
  const set = standing?.boot === clock.boot ? Math.abs(setBy(standing, clock)) : 0;
  return wall > changedAt + clockStep + set && wall <= clock.wall + leastSet;
}

/** A wall clock that is off by less, in milliseconds, against the time since boot was not set. */
const leastSet = 1_000;

/** By how much the wall clock was set between two moments of one boot. */
function setBy(earlier: MachineClock, later: MachineClock): number {
  const by = later.wall - earlier.wall - (later.uptime - earlier.uptime);
  return Math.abs(by) < leastSet ? 0 : by;
}
