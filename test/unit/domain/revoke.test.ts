/** The decision that destroys: attacked from every side, since what it allows cannot be undone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DatedInspection, LastUseReading } from '../../../workflows/domain/observations.js';
import {
  freshMs,
  isQuiet,
  lateOf,
  mayRevoke,
  nextLook,
  type QuietRules,
  type RevokeFacts,
} from '../../../workflows/domain/revoke.js';

const well = (consumer: string, generation = 2): DatedInspection => ({
  consumer,
  state: 'running',
  instances: [{ id: '1', generation, evidence: 'uses' }],
  source: generation,
  showsSource: true,
  healthy: true,
  authenticationFailed: false,
  detail: '',
  ageMs: 10,
});

const good: RevokeFacts = {
  isManagementKey: false,
  target: 1,
  survivor: 2,
  keysInStore: 3,
  minimumKeys: 1,
  survivorProvedNow: true,
  required: ['web-1', 'web-2'],
  inspections: [well('web-1'), well('web-2')],
  inUse: null,
};
const rules = { evidence: 'uses', accept: [] } as const;
const reason = (facts: Partial<RevokeFacts>) => {
  const decision = mayRevoke({ ...good, ...facts }, rules);
  return decision.ok ? 'yes' : decision.reason;
};

describe('mayRevoke', () => {
  it('says yes when everything is proved now', () => expect(reason({})).toBe('yes'));

  const refusals: [string, Partial<RevokeFacts>, string][] = [
    ['the key that we manage the store with', { isManagementKey: true }, 'management-key'],
    ['the last key of the store', { keysInStore: 1 }, 'last-key'],
    ['while the other version is not accepted now', { survivorProvedNow: false }, 'staying-not-alive'],
    ['on an old look', { inspections: [well('web-1'), { ...well('web-2'), ageMs: freshMs + 1 }] }, 'stale'],
    [
      'on a look that a clock which was set back has dated',
      { inspections: [well('web-1'), { ...well('web-2'), ageMs: -3_600_000 }] },
      'stale',
    ],
    ['without a look at everyone', { inspections: [well('web-1')] }, 'stale'],
    ['while the store sees somebody use it', { inUse: '2 open at noon' }, 'in-use'],
    ['while a consumer is on the old version', { inspections: [well('web-1'), well('web-2', 1)] }, 'consumers-behind'],
    [
      'while one of several instances is behind',
      {
        inspections: [
          well('web-1'),
          { ...well('web-2'), instances: [...well('web-2').instances, { id: '2', generation: 1, evidence: 'uses' }] },
        ],
      },
      'consumers-behind',
    ],
    [
      'while an instance shows a key that nobody knows',
      { inspections: [well('web-1'), { ...well('web-2'), instances: [{ id: '1', generation: null, evidence: 'uses' }] }] },
      'consumers-behind',
    ],
    [
      'on weaker evidence than the policy asks for',
      { inspections: [well('web-1'), { ...well('web-2'), instances: [{ id: '1', generation: 2, evidence: 'loaded' }] }] },
      'consumers-behind',
    ],
    [
      'while a consumer shows no instance at all',
      { inspections: [well('web-1'), { ...well('web-2'), instances: [] }] },
      'consumers-behind',
    ],
    [
      'while new instances would start with the old version',
      { inspections: [well('web-1'), { ...well('web-2'), source: 1 }] },
      'source-behind',
    ],
    [
      'while what new instances start with cannot be seen',
      { inspections: [well('web-1'), { ...well('web-2'), showsSource: false }] },
      'source-not-shown',
    ],
  ];
  for (const [what, facts, expected] of refusals) it(`refuses ${what}`, () => expect(reason(facts)).toBe(expected));

  it('allows an unseen source only when that risk was accepted by name', () => {
    const facts = { ...good, inspections: [well('web-1'), { ...well('web-2'), showsSource: false, source: null }] };
    expect(mayRevoke(facts, { ...rules, accept: ['source-not-shown'] }).ok).toBe(true);
  });

  it('is kept from a yes by nothing that was accepted, while the store sees a use or an instance shows the old version', () => {
    const accepted = { evidence: 'none', accept: ['no-last-used', 'source-not-shown', 'no-way-back'] } as const;
    const refused = (facts: Partial<RevokeFacts>) => mayRevoke({ ...good, ...facts }, accepted);
    expect(refused({ inUse: '1 open' })).toMatchObject({ ok: false, reason: 'in-use' });
    expect(refused({ inspections: [well('web-1'), well('web-2', 1)] })).toMatchObject({ ok: false, reason: 'consumers-behind' });
  });

  it('never says yes while anyone required is not on the staying version', () => {
    const instance = fc.record({
      id: fc.string(),
      generation: fc.constantFrom(1, 2, null),
      evidence: fc.constantFrom('none', 'rolled-out', 'loaded', 'uses'),
    });
    const inspection = fc.record({
      consumer: fc.constantFrom('a', 'b', 'c'),
      state: fc.constantFrom('running', 'stopped', 'failing'),
      instances: fc.array(instance, { maxLength: 3 }),
      source: fc.constantFrom(1, 2, null),
      showsSource: fc.boolean(),
      healthy: fc.boolean(),
      authenticationFailed: fc.boolean(),
      detail: fc.constant(''),
      ageMs: fc.integer({ min: 0, max: freshMs * 2 }),
    });
    fc.assert(
      fc.property(fc.array(inspection, { maxLength: 4 }), fc.subarray(['a', 'b', 'c']), (inspections, required) => {
        const decision = mayRevoke({ ...good, required, inspections: inspections as DatedInspection[] }, rules);
        if (!decision.ok) return;
        for (const name of required) {
          const seen = inspections.filter((i) => i.consumer === name && i.ageMs <= freshMs);
          expect(seen.length).toBeGreaterThan(0);
          expect(seen.at(-1)!.instances.every((i) => i.generation === 2 && i.evidence === 'uses')).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('mayRevoke at a moment that was set', () => {
  const due = (facts: Partial<RevokeFacts>) => {
    const decision = mayRevoke({ ...good, ...facts }, { ...rules, due: true });
    return decision.ok ? 'yes' : decision.reason;
  };
  const behind = { inspections: [well('web-1'), well('web-2', 1)], inUse: 'somebody' };

  it('asks no consumer, and is told of each that is behind', () => {
    expect(due(behind)).toBe('yes');
    const weak = { ...well('web-2'), instances: [{ id: '1', generation: 2, evidence: 'loaded' as const }] };
    const late = (...inspections: readonly DatedInspection[]) => lateOf({ ...good, inspections }, 'uses');
    expect([late(...good.inspections), late(well('web-1'), well('web-2', 1))]).toEqual([[], ['web-2']]);
    expect([late(well('web-1'), weak), late(well('web-1')), late(well('web-1'), { ...well('web-2'), source: 1 })]).toEqual([
      ['web-2'],
      ['web-2'],
      ['web-2'],
    ]);
  });

  it('never takes what is not ours to take, the last key, or one without another that is proved', () => {
    const never = [{ isManagementKey: true }, { keysInStore: 1 }, { survivorProvedNow: false }];
    expect(never.map((facts) => due({ ...behind, ...facts }))).toEqual(['management-key', 'last-key', 'staying-not-alive']);
  });
});

describe('isQuiet', () => {
  const drain: QuietRules = { cutoverAt: 1_000, grace: 100, lag: 50, presence: false };
  const at = (...readings: [number, string | null][]): LastUseReading[] =>
    readings.map(([at, value]) => ({ lookedAt: at, seenBy: at, value }));
  const verdict = (readings: LastUseReading[], now: number, accept: 'no-last-used'[] = [], rules: Partial<QuietRules> = {}) => {
    const decision = isQuiet(readings, now, { ...drain, ...rules }, accept);
    return decision.ok ? 'yes' : decision.reason;
  };

  it('is never satisfied by time alone', () => expect(verdict([], 10_000_000)).toBe('not-looked-twice'));
  it('is not satisfied within grace', () => expect(verdict(at([1_050, 'x'], [1_099, 'x']), 1_099)).toBe('in-grace'));
  it('does not count a reading from before cutover and lag', () =>
    expect(verdict(at([900, 'x'], [1_040, 'x']), 2_000)).toBe('not-looked-twice'));
  it('needs the second reading to be far enough behind the first', () =>
    expect(verdict(at([1_060, 'x'], [1_150, 'x']), 1_150)).toBe('not-looked-twice'));
  it('says yes to two equal readings that are far enough apart', () =>
    expect(verdict(at([1_060, 'x'], [1_160, 'x']), 1_160)).toBe('yes'));
  it('begins anew when the value moved', () => {
    expect(verdict(at([1_060, 'x'], [1_160, 'y']), 1_160)).toBe('still-used');
    expect(verdict(at([1_060, 'x'], [1_160, 'y'], [1_260, 'y']), 1_260)).toBe('yes');
  });
  it('takes silence for nothing, unless that was accepted by name', () => {
    expect(verdict(at([1_060, null], [1_260, null]), 1_260)).toBe('no-last-used');
    expect(verdict(at([1_060, null], [1_260, null]), 1_260, ['no-last-used'])).toBe('yes');
  });
  it('never takes one look for two, however little grace and lag ask for', () => {
    const hurried = { grace: 0, lag: 0 };
    expect(verdict(at([1_060, 'x']), 1_060, [], hurried)).toBe('not-looked-twice');
    expect(verdict(at([1_060, 'x'], [1_061, 'x']), 1_061, [], hurried)).toBe('yes');
  });
  it('counts from the end of the first look to the beginning of the second', () => {
    const slow = (lookedAt: number, seenBy: number): LastUseReading => ({ lookedAt, seenBy, value: 'x' });
    expect(verdict([slow(1_040, 1_060), slow(1_200, 1_200)], 1_200)).toBe('not-looked-twice');
    expect(verdict([slow(1_060, 1_150), slow(1_170, 1_270)], 1_270)).toBe('not-looked-twice');
    expect(verdict([slow(1_060, 1_150), slow(1_250, 1_270)], 1_270)).toBe('yes');
  });
  it('keeps the lag between two looks when grace is expedited away', () => {
    expect(verdict(at([1_060, 'x'], [1_100, 'x']), 1_100, [], { grace: 0 })).toBe('not-looked-twice');
    expect(verdict(at([1_060, 'x'], [1_110, 'x']), 1_110, [], { grace: 0 })).toBe('yes');
  });
  it('waits out grace where silence was accepted', () => {
    expect(verdict(at([1_060, null]), 1_099, ['no-last-used'])).toBe('in-grace');
    expect(verdict(at([1_060, null]), 1_100, ['no-last-used'])).toBe('yes');
  });
  it('is kept from a yes by a use that is seen now, whatever was accepted, and then needs as long a silence as any', () => {
    const seen = (...readings: [number, string | null][]) =>
      verdict(at(...readings), readings.at(-1)![0], ['no-last-used'], { presence: true });
    expect(seen([1_200, '1 open'], [1_400, '1 open'])).toBe('in-use');
    const day = { ...drain, presence: true, grace: 86_400_000 };
    expect(nextLook(at([1_200, '1 open']), 1_200, day)).toBeLessThanOrEqual(60_000);
    expect(seen([1_200, '1 open'], [1_201, null])).toBe('still-used');
    expect(seen([1_200, '1 open'], [1_201, null], [1_301, null])).toBe('yes');
  });
  it('does not take a vendor that forgets for one that is quiet', () =>
    expect(verdict(at([1_060, 'x'], [1_160, null]), 1_260)).toBe('no-last-used'));

  it('comes to a yes when asked again at the times that it names, if the key is quiet', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 5_000 }), (grace, lag) => {
        const rules = { cutoverAt: 1_000, grace, lag, presence: false };
        const readings: LastUseReading[] = [];
        let now = 1_000;
        for (let looks = 0; looks < 6; looks++) {
          readings.push({ lookedAt: now, seenBy: now, value: 'same' });
          if (isQuiet(readings, now, rules, []).ok) return;
          now += nextLook(readings, now, rules) + 1;
        }
        throw new Error('it never said yes');
      }),
    );
  });
});
