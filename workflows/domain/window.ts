/**
 * Owns maintenance windows: how "Sun 02:00-06:00 Europe/Berlin" is read, whether one is open, and
 * when it opens next. It goes by the wall clock of its zone.
 */

export interface Window {
  /** Minutes from Sunday 00:00 at which it opens. */
  readonly openings: readonly number[];
  /** How long it stays open, in minutes of the wall clock. */
  readonly length: number;
  readonly zone: string;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const minute = 60_000;
const day = 24 * 60;
const week = 7 * day;
const example = 'such as "Sun 02:00-06:00 Europe/Berlin"';

/**
 * Throws a RangeError that says what is right and never repeats the text, which may be anything.
 */
export function parseWindow(text: string): Window {
  const parts = /^(?:([A-Z][A-Za-z,-]*) )?(\d\d):(\d\d)-(\d\d):(\d\d) (\S+)$/.exec(text);
  if (!parts) throw new RangeError(`expected days, times and time zone ${example}`);
  const [, list, ...rest] = parts;
  const [from, to] = [timeOf(rest[0]!, rest[1]!), timeOf(rest[2]!, rest[3]!)];
  if (from === day || from === to)
    throw new RangeError('expected an end that differs from the start; a whole day is "00:00-24:00"');
  const zone = rest[4]!;
  if (!isZone(zone)) throw new RangeError('expected a time zone such as "Europe/Berlin" or "UTC"');
  const openings = (list === undefined ? days.map((_, index) => index) : daysOf(list)).map((index) => index * day + from);
  return { openings, length: to > from ? to - from : to - from + day, zone };
}

/** Whether it is open, and for that long still. */
export function inWindow(window: string, at: Date, room = 0): boolean {
  const left = leftOf(parseWindow(window), at.getTime());
  return left > 0 && left >= room;
}

/**
 * The first moment, not before `from`, at which the window is open for that long; `from` itself
 * while it is. One that is never open for so long is refused where the policy is read.
 */
export function nextOpening(window: string, from: Date, room = 0): Date {
  const parsed = parseWindow(window);
  let at = openingAfter(parsed, from.getTime());
  for (let tries = 0; tries < parsed.openings.length && leftOf(parsed, at) < room; tries++)
    at = openingAfter(parsed, at + leftOf(parsed, at));
  return new Date(at);
}

function openingAfter(window: Window, from: number): number {
  let at = from;
  while (leftOf(window, at) === 0) {
    const wall = wallClock(window.zone, at);
    const opens = at + Math.min(...window.openings.map((opening) => distance(weekTime(wall), opening * minute)));
    // Where clocks change on the way the sum is wrong, so it is only approached, a quarter of an
    // hour at a time: zones change on quarters.
    const sameClock = wallClock(window.zone, opens) - opens === wall - at;
    at = sameClock ? opens : Math.min(opens, (Math.floor(at / (15 * minute)) + 1) * 15 * minute);
  }
  return at;
}

/** Milliseconds for which it stays open, over openings that follow each other; 0: it is closed. */
function leftOf({ openings, length, zone }: Window, at: number): number {
  let until = at;
  // A week of it is as good as for ever.
  while (until - at < week * minute) {
    const from = until;
    const wall = wallClock(zone, from);
    const left = Math.max(0, ...openings.map((opening) => length * minute - distance(opening * minute, weekTime(wall))));
    if (left === 0) break;
    // Where clocks change on the way, less time or more goes by than they show.
    until = from + left - (wallClock(zone, from + left) - wall - left);
  }
  return until - at;
}

/** Milliseconds of the week that lie between two moments of it, forwards. */
function distance(from: number, to: number): number {
  return (to - from + week * minute) % (week * minute);
}

/** Milliseconds since Sunday 00:00. The first day of all time, 1 January 1970, was a Thursday. */
function weekTime(wall: number): number {
  return distance(0, (wall + 4 * day * minute) % (week * minute));
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** What a clock on the wall shows, as the moment at which a clock in UTC shows the same. */
function wallClock(zone: string, at: number): number {
  let clock = clocks.get(zone);
  if (!clock) {
    const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    clock = new Intl.DateTimeFormat('en', { timeZone: zone, hourCycle: 'h23', ...fields });
    clocks.set(zone, clock);
  }
  const shown = new Map(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const of = (type: Intl.DateTimeFormatPartTypes) => shown.get(type)!;
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute')) + (at % minute);
}

function timeOf(hours: string, minutes: string): number {
  const time = Number(hours) * 60 + Number(minutes);
  if (Number(minutes) > 59 || time > day) throw new RangeError('expected times from "00:00" to "24:00"');
  return time;
}

/** "Sun", "Mon-Fri", "Sat,Sun", "Fri-Mon": a range may pass the end of the week. */
function daysOf(list: string): number[] {
  const found = new Set<number>();
  for (const part of list.split(',')) {
    const [first, last, ...more] = part.split('-').map((name) => days.indexOf(name));
    if (first === undefined || first < 0 || last === -1 || more.length > 0) {
      throw new RangeError(`expected days such as "Sun", "Mon-Fri" or "Sat,Sun", of ${days.join(', ')}`);
    }
    for (let index = first; ; index = (index + 1) % 7) {
      found.add(index);
      if (index === (last ?? first)) break;
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Fixed offsets such as +02:00 are no zones: they forget that clocks change. */
function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return /^[A-Za-z]/.test(zone);
  } catch {
    return false;
  }
}
