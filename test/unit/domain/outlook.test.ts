/** What is said of a store before keys of it die, and how much longer an incident takes. */
import { describe, expect, it } from 'vitest';
import { outlookOf, type StoreSurvey, timeLeft, type WorkAtStore } from '../../../workflows/domain/outlook.js';

const survey: StoreSurvey = {
  keys: 3,
  minKeys: 1,
  maxKeys: 50,
  switches: { disable: false, undoDelete: 'none', listsKeys: true },
  request: 1_000,
  propagation: 10_000,
};
const work: WorkAtStore = {
  store: 'dd',
  way: 'contain',
  strategy: 'overlap',
  credentials: 1,
  confirm: 60_000,
  revokeWithin: null,
};
const outlook = (of: Partial<WorkAtStore> = {}, seen: Partial<StoreSurvey> = {}) =>
  outlookOf({ ...work, ...of }, { store: 'dd', survey: { ...survey, ...seen } });
const switched = { disable: true, undoDelete: 'none', listsKeys: true } as const;

describe('what is said of a store', () => {
  it('is what comes first, and whether it is at its minimum or full', () => {
    expect(outlook({ way: 'rotate' }).note).toBe('another key first');
    expect(outlook().note).toBe('another key is made before');
    expect(outlook({}, { keys: 1 }).note).toBe('it must keep 1; another key is made before');
    expect(outlook({}, { keys: 50 }).note).toBe('it is full; the leaked key goes first and makes room');
    expect(outlook({}, { switches: switched }).note).toBe('switched off first, and deleted later');
    expect(outlook({ strategy: 'in-place' }).note).toContain('programs are stopped');
    expect(outlook({}, { keys: 0, minKeys: 0 }).note).toBe('another key is made before');
  });

  it('is when the first key is dead at the latest: at once where it is contained, behind everybody where it is not', () => {
    const [contained, rotated] = [outlook({}, { switches: switched }), outlook({ way: 'rotate' })];
    // A look and a kill of three requests each, and what the store takes to spread it.
    expect(contained.firstDeadWithin).toBe(16_000);
    expect(rotated.firstDeadWithin).toBe(contained.firstDeadWithin! + 13_000 + 60_000);
    expect(outlook().firstDeadWithin).toBe(contained.firstDeadWithin! + 13_000);
    expect(outlook({ way: 'rotate', revokeWithin: 5_000 }).firstDeadWithin).toBe(3_000 + 5_000 + 13_000);
  });

  it('is for how long programs are refused: never where another key comes first, and else until they have it', () => {
    expect([outlook({ way: 'rotate' }).refusedFor, outlook({ strategy: 'in-place' }).refusedFor]).toEqual([0, 0]);
    expect([outlook().refusedFor, outlook({}, { switches: switched }).refusedFor]).toEqual([60_000, 73_000]);
  });

  it('grows with what has to wait for a place', () => {
    const [five, six] = [outlook({ credentials: 5 }), outlook({ credentials: 6 })];
    expect([five.doneWithin, six.doneWithin]).toEqual([outlook().doneWithin, 2 * five.doneWithin!]);
  });

  it('is that nobody could ask it, and why', () => {
    const unknown = { keys: null, firstDeadWithin: null, doneWithin: null, refusedFor: null };
    expect(outlookOf(work, { store: 'dd', why: 'away' })).toMatchObject({ ...unknown, note: 'not asked: away' });
    expect(outlookOf(work, undefined)).toMatchObject({ ...unknown, note: 'not asked: no worker answered' });
  });
});

describe('the time that is left', () => {
  const counts = { selected: 10, done: 0, failed: 0, already_dead: 0, waiting: 0, age: 60_000, state: 'open' } as const;

  it('is by the pace so far, and leaves out what waits for a person', () => {
    expect(timeLeft({ ...counts, done: 2, failed: 1, already_dead: 1, waiting: 3 })).toBe(60_000);
  });

  it('is unknown while it stands still', () => {
    const states = (['open', 'paused', 'stopped', 'closed'] as const).map((state) => timeLeft({ ...counts, done: 5, state }));
    expect(states).toEqual([60_000, null, null, null]);
  });

  it('is unknown before anything is done, and nothing once nothing is left', () => {
    expect([timeLeft(counts), timeLeft({ ...counts, done: 10 }), timeLeft({ ...counts, done: 9, waiting: 1 })]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
