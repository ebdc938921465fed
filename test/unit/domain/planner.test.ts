/** Which of the rotations that are due begin now. */
import { describe, expect, it } from 'vitest';
import type { Limits } from '../../../workflows/domain/configuration.js';
import { chooseDue, type DueRun, type Underway } from '../../../workflows/domain/planner.js';

const run = (credential: string, store = 'dd'): DueRun => ({ credential, store, sequence: 'overlap', options: { without: [] } });
const due = [run('a'), run('b', 'al'), run('c'), run('d'), run('e', 'al')];
const idle: Underway = { open: 0, busyAt: {}, begun: 0 };
const wide: Limits = { open: 1_000, openPerStore: null, startsPerMinute: 1_000 };
const chosen = (underway: Partial<Underway>, limits: Partial<Limits>) =>
  chooseDue(due, { ...idle, ...underway }, { ...wide, ...limits }).map(({ credential }) => credential);

describe('what begins now', () => {
  it('is all that is due, the longest overdue first, where nothing is in its way', () => {
    expect(chosen({}, {})).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('is no more than may be open, whoever began what is', () => {
    expect(chosen({ open: 7 }, { open: 9 })).toEqual(['a', 'b']);
    expect([chosen({ open: 9 }, { open: 9 }), chosen({ open: 12 }, { open: 9 })]).toEqual([[], []]);
  });

  it('is no more in a minute than may begin', () => {
    expect(chosen({ begun: 2 }, { startsPerMinute: 3 })).toEqual(['a']);
    expect(chosen({ begun: 3 }, { startsPerMinute: 3 })).toEqual([]);
  });

  it('leaves out what has no place at its store, and goes on with the others', () => {
    expect(chosen({ busyAt: { dd: 1 } }, { openPerStore: 2 })).toEqual(['a', 'b', 'e']);
    expect(chosen({ busyAt: { dd: 2, al: 1 } }, { openPerStore: 2, startsPerMinute: 5 })).toEqual(['b']);
  });
});
