/**
 * Decides which of the rotations that are due begin now: the longest overdue first, as many as an
 * installation is to carry at once.
 */
import type { Limits } from './configuration.js';
import type { OpenOrder } from './records.js';

/** Carried at once by one server, and begun without a store noticing. */
export const defaultLimits: Limits = { open: 1_000, openPerStore: null, startsPerMinute: 60 };

export interface DueRun extends OpenOrder {
  readonly store: string;
}

/** What is under way, whoever began it. */
export interface Underway {
  readonly open: number;
  /** Those that wait for a person hold up nobody else at their store. */
  readonly busyAt: Readonly<Record<string, number>>;
  /** By the schedule, within the last minute. */
  readonly begun: number;
}

/** `due`: the longest overdue first. What has no place now is asked for again in a minute. */
export function chooseDue(due: readonly DueRun[], underway: Underway, limits: Limits): readonly DueRun[] {
  const most = Math.min(limits.startsPerMinute - underway.begun, limits.open - underway.open);
  const busy = new Map(Object.entries(underway.busyAt));
  const chosen: DueRun[] = [];
  for (const run of due) {
    if (chosen.length >= most) break;
    const at = busy.get(run.store) ?? 0;
    if (limits.openPerStore !== null && at >= limits.openPerStore) continue;
    busy.set(run.store, at + 1);
    chosen.push(run);
  }
  return chosen;
}
