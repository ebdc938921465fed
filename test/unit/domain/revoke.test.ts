/** The decision that destroys: attacked from every side, since what it allows cannot be undone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DatedInspection, LastUseReading } from '../../../workflows/domain/observations.js';
import { freshMs, isQuiet, mayRevoke, nextLook, type RevokeFacts } from '../../../workflows/domain/revoke.js';

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
    ['without a look at everyone', { inspections: [well('web-1')] }, 'stale'],
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

describe('isQuiet', () => {
  const drain = { cutoverAt: 1_000, grace: 100, lag: 50 };
  const at = (...readings: [number, string | null][]): LastUseReading[] => readings.map(([at, value]) => ({ at, value }));
  const verdict = (readings: LastUseReading[], now: number, accept: 'no-last-used'[] = []) => {
    const decision = isQuiet(readings, now, drain, accept);
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
  it('does not take a vendor that forgets for one that is quiet', () =>
    expect(verdict(at([1_060, 'x'], [1_160, null]), 1_260)).toBe('no-last-used'));

  it('comes to a yes when asked again at the times that it names, if the key is quiet', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 5_000 }), (grace, lag) => {
        const rules = { cutoverAt: 1_000, grace, lag };
        const readings: LastUseReading[] = [];
        let now = 1_000;
        for (let looks = 0; looks < 6; looks++) {
          readings.push({ at: now, value: 'same' });
          if (isQuiet(readings, now, rules, []).ok) return;
          now += nextLook(readings, now, rules) + 1;
        }
        throw new Error('it never said yes');
      }),
    );
  });
});
