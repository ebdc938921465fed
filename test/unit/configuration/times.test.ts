import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration } from '../../../activities/ports/duration.js';
import type { Policy } from '../../../workflows/domain/credential.js';
import { formatDuration, parseDuration } from '../../../workflows/domain/duration.js';
import { lifetimesHold } from '../../../workflows/domain/lifetimes.js';
import { inWindow, nextOpening, parseWindow } from '../../../workflows/domain/window.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2_000],
    ['5m', 5 * minute],
    ['2h', 2 * hour],
    ['90d', 90 * day],
    ['1h30m', 90 * minute],
    ['1d2h3m4s5ms', day + 2 * hour + 3 * minute + 4_005],
    ['90m', 90 * minute],
    ['0s', 0],
    ['3650d', 3650 * day],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '5',
    '5 m',
    '-5m',
    '1.5h',
    '5M',
    '5min',
    'm',
    '30m1h',
    '1h1h',
    '5m5',
    ' 5m',
    '1e3s',
    '٥m',
    '3651d',
    '9'.repeat(400).concat('d'),
  ])('is not "%s"', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
    expect(duration.safeParse(text).success).toBe(false);
  });

  it('is written as the shortest text that is read as the same', () => {
    expect([0, 500, 90 * minute, 25 * hour, 7 * day].map(formatDuration)).toEqual(['0s', '500ms', '1h30m', '1d1h', '7d']);
    const property = fc.property(fc.integer({ min: 0, max: 3650 * day }), (ms) => parseDuration(formatDuration(ms)) === ms);
    fc.assert(property, { numRuns: 300 });
  });

  it('is refused without being repeated', () => {
    const refused = duration.safeParse('s3cr3t');
    expect(JSON.stringify(refused.error?.issues)).not.toContain('s3cr3t');
  });
});

describe('a window', () => {
  const sunday = 'Sun 02:00-06:00 Europe/Berlin';

  it.each([
    ['just before it opens', sunday, '2026-01-11T00:59:59.999Z', false],
    ['as it opens', sunday, '2026-01-11T01:00:00Z', true],
    ['just before it closes', sunday, '2026-01-11T04:59:59.999Z', true],
    ['as it closes', sunday, '2026-01-11T05:00:00Z', false],
    ['on another day', sunday, '2026-01-12T02:00:00Z', false],
    ['in summer, when the same hour of the wall is another of the world', sunday, '2026-07-12T00:00:00Z', true],
    ['in summer, at the hour of winter', sunday, '2026-07-12T04:30:00Z', false],
    ['at the hour that the clock skips', 'Sun 02:15-02:45 Europe/Berlin', '2026-03-29T01:15:00Z', false],
    ['at the hour that the clock shows twice, the first time', 'Sun 02:15-02:45 Europe/Berlin', '2026-10-25T00:30:00Z', true],
    ['at the hour that the clock shows twice, the second time', 'Sun 02:15-02:45 Europe/Berlin', '2026-10-25T01:30:00Z', true],
    ['past midnight, which belongs to the day before', 'Sat 22:00-02:00 UTC', '2026-01-11T01:00:00Z', true],
    ['past midnight of another day', 'Sat 22:00-02:00 UTC', '2026-01-10T01:00:00Z', false],
    ['past the end of the week', 'Sat 23:00-01:00 UTC', '2026-01-11T00:30:00Z', true],
    ['in a range of days', 'Mon-Fri 09:00-17:00 America/New_York', '2026-01-14T15:00:00Z', true],
    ['outside a range of days', 'Mon-Fri 09:00-17:00 America/New_York', '2026-01-17T15:00:00Z', false],
    ['in a range past the end of the week', 'Fri-Mon 09:00-17:00 UTC', '2026-01-11T10:00:00Z', true],
    ['in a list', 'Mon,Wed-Thu 09:00-17:00 UTC', '2026-01-15T10:00:00Z', true],
    ['between the days of a list', 'Mon,Wed-Thu 09:00-17:00 UTC', '2026-01-13T10:00:00Z', false],
    ['on any day where none is named', '02:00-03:00 UTC', '2026-01-13T02:30:00Z', true],
    ['for a whole day', 'Sun 00:00-24:00 Asia/Kathmandu', '2026-01-11T18:14:00Z', true],
  ])('is right %s', (_, window, at, open) => {
    expect(inWindow(window, new Date(at))).toBe(open);
  });

  it.each([
    ['while it is open', sunday, '2026-01-11T02:34:56.789Z', '2026-01-11T02:34:56.789Z'],
    ['days before', sunday, '2026-01-12T09:00:00.123Z', '2026-01-18T01:00:00Z'],
    ['across the change to summer', sunday, '2026-03-23T09:00:00Z', '2026-03-29T01:00:00Z'],
    ['where the clock skips its opening', 'Sun 02:15-06:00 Europe/Berlin', '2026-03-28T09:00:00Z', '2026-03-29T01:00:00Z'],
    ['where the clock skips all of it', 'Sun 02:15-02:45 Europe/Berlin', '2026-03-28T09:00:00Z', '2026-04-05T00:15:00Z'],
    ['where it opens twice', 'Sun 02:15-02:45 Europe/Berlin', '2026-10-25T00:50:00Z', '2026-10-25T01:15:00Z'],
    ['across the change to winter', sunday, '2026-10-24T20:00:00Z', '2026-10-25T00:00:00Z'],
    [
      'in a zone that changes by half an hour',
      'Sun 01:45-02:15 Australia/Lord_Howe',
      '2026-04-04T12:00:00Z',
      '2026-04-04T14:45:00Z',
    ],
  ])('opens next %s', (_, window, from, opening) => {
    expect(nextOpening(window, new Date(from)).toISOString()).toBe(new Date(opening).toISOString());
  });

  it.each([
    ['is left', sunday, '2026-01-11T02:00:00Z', 3, true],
    ['is left no more', sunday, '2026-01-11T02:00:01Z', 3, false],
    ['is left by what follows it', 'Sat,Sun 00:00-24:00 UTC', '2026-01-10T20:00:00Z', 28, true],
    ['is left by no more than what follows it', 'Sat,Sun 00:00-24:00 UTC', '2026-01-10T20:00:01Z', 28, false],
    ['is always left', '00:00-24:00 UTC', '2026-01-10T20:00:00Z', 100, true],
    ['is skipped by the clock', 'Sat 23:00-06:00 Europe/Berlin', '2026-03-29T00:30:00Z', 4, false],
    ['is shown by the clock twice', 'Sat 23:00-06:00 Europe/Berlin', '2026-10-24T23:30:00Z', 5.5, true],
  ])('has room where that much of it %s', (_, window, at, hours, fits) => {
    expect(inWindow(window, new Date(at), hours * hour)).toBe(fits);
  });

  it.each([
    ['while enough of it is left', sunday, '2026-01-11T01:30:00Z', '2026-01-11T01:30:00Z'],
    ['a week later where it is not', sunday, '2026-01-11T03:30:00Z', '2026-01-18T01:00:00Z'],
    ['the next day where that has it', 'Mon,Tue 02:00-06:00 UTC', '2026-01-12T04:00:00Z', '2026-01-13T02:00:00Z'],
  ])('opens with room for three hours %s', (_, window, from, opening) => {
    expect(nextOpening(window, new Date(from), 3 * hour).toISOString()).toBe(new Date(opening).toISOString());
  });

  it('opens at the first open moment, whatever the zone and the season', () => {
    const time = fc
      .tuple(fc.nat(23), fc.constantFrom(0, 15, 30, 59))
      .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
    const zone = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Casablanca',
      'Pacific/Apia',
    );
    const days = fc.constantFrom('', 'Sun ', 'Sat,Sun ', 'Mon-Fri ');
    const moment = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) });
    fc.assert(
      fc.property(
        days,
        time,
        time,
        zone,
        moment,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (list, from, to, place, at, part) => {
          fc.pre(from !== to);
          const window = `${list}${from}-${to} ${place}`;
          const opening = nextOpening(window, new Date(at)).getTime();
          expect(opening).toBeGreaterThanOrEqual(at);
          expect(inWindow(window, new Date(opening))).toBe(true);
          if (opening > at) {
            const between = Math.min(opening - 1, Math.floor(at + part * (opening - at)));
            expect([inWindow(window, new Date(between)), inWindow(window, new Date(opening - 1))]).toEqual([false, false]);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each([
    ['no zone', 'Sun 02:00-06:00'],
    ['a zone that nobody knows', 'Sun 02:00-06:00 Europe/Atlantis'],
    ['an offset, which forgets that clocks change', 'Sun 02:00-06:00 +02:00'],
    ['a day that does not exist', 'Son 02:00-06:00 UTC'],
    ['a day in small letters', 'sun 02:00-06:00 UTC'],
    ['a day in full', 'Sunday 02:00-06:00 UTC'],
    ['a range without an end', 'Mon- 02:00-06:00 UTC'],
    ['a range of ranges', 'Mon-Wed-Fri 02:00-06:00 UTC'],
    ['an hour that does not exist', 'Sun 02:00-25:00 UTC'],
    ['a minute that does not exist', 'Sun 02:60-03:00 UTC'],
    ['no time at all', 'Sun 02:00-02:00 UTC'],
    ['a start at the end of the day', 'Sun 24:00-02:00 UTC'],
    ['one digit', 'Sun 2:00-6:00 UTC'],
    ['something behind it', 'Sun 02:00-06:00 UTC and more'],
    ['nothing', ''],
  ])('may not have %s', (_, text) => {
    expect(() => parseWindow(text)).toThrow(RangeError);
  });
});

describe('the times of a policy', () => {
  const policy: Policy = {
    every: 90 * day,
    window: null,
    jitter: 0,
    grace: day,
    soak: 7 * day,
    evidence: 'uses',
    confirm: minute,
    downtime: null,
    approve: [],
    approveWithin: day,
    keepRevoked: day,
  };
  const rollout = { canary: 1, wave: { share: 0.25 }, bake: hour };
  const consumers = {
    kind: 'list',
    list: Array.from({ length: 9 }, (_, n) => ({ name: `web-${n}`, host: 'disk', settings: {} })),
  } as const;
  const overlap = { strategy: 'overlap', consumers, rollout, policy } as const;
  const inPlace = { strategy: 'in-place', consumers, rollout, policy } as const;

  it('hold where there is time for everything', () => {
    expect(lifetimesHold(overlap)).toEqual({ ok: true });
    expect(lifetimesHold({ ...overlap, policy: { ...policy, every: null } })).toEqual({ ok: true });
  });

  it('do not hold where the next rotation is due before the last can be over, with the sum shown', () => {
    expect(lifetimesHold({ ...overlap, policy: { ...policy, every: 8 * day + 4 * hour } })).toEqual({
      ok: false,
      reason: 'every',
      message: '8d4h is not longer than a rotation at its shortest: 4h bake (4 × 1h) + 1d grace + 7d soak = 8d4h',
    });
    expect(lifetimesHold({ ...overlap, policy: { ...policy, every: 8 * day + 4 * hour + 1 } })).toEqual({ ok: true });
  });

  it('count one wave where the consumers are found later, and none where there are none', () => {
    const every = 8 * day + hour;
    expect(lifetimesHold({ ...overlap, consumers: { kind: 'all', host: 'apps' }, policy: { ...policy, every } })).toMatchObject({
      reason: 'every',
    });
    expect(lifetimesHold({ ...overlap, consumers: { kind: 'none' }, policy: { ...policy, every } })).toEqual({ ok: true });
  });

  it('have neither grace nor soak in place', () => {
    expect(lifetimesHold({ ...inPlace, policy: { ...policy, every: day, downtime: hour } })).toEqual({ ok: true });
    expect(lifetimesHold({ ...inPlace, policy: { ...policy, every: 0 } })).toMatchObject({ reason: 'every' });
  });

  it('do not hold where chance could delay a rotation past the next', () => {
    expect(lifetimesHold({ ...overlap, policy: { ...policy, jitter: 90 * day } })).toMatchObject({ reason: 'jitter' });
  });

  it('do not hold where programs may be down for longer than the window is open', () => {
    const window = 'Sat 22:00-23:00 Europe/Berlin';
    expect(lifetimesHold({ ...inPlace, policy: { ...policy, window, downtime: hour + 1 } })).toEqual({
      ok: false,
      reason: 'downtime',
      message: '1h1ms does not fit into the window, which is open for 1h',
    });
    expect(lifetimesHold({ ...inPlace, policy: { ...policy, window, downtime: hour } })).toMatchObject({ reason: 'downtime' });
    expect(lifetimesHold({ ...inPlace, policy: { ...policy, window, downtime: hour - 1 } })).toEqual({ ok: true });
  });
});
