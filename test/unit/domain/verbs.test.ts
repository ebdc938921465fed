/** The table phase × verb, and the waves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import type { Phase } from '../../../workflows/domain/states.js';
import {
  judge,
  mayAmend,
  mayVerb,
  type VerbFacts,
  type VerbRequest,
  verbs,
  withConsumer,
} from '../../../workflows/domain/verbs.js';
import { legalVerbs } from '../../../workflows/domain/waits.js';
import { planWaves } from '../../../workflows/domain/waves.js';
import { declared } from '../../support/declared.js';
import { tester } from '../../support/who.js';

const facts: VerbFacts = {
  sequence: 'overlap',
  phase: 'distributing',
  direction: 'forward',
  waits: [],
  paused: false,
  crossed: false,
  bound: false,
  expedited: false,
  consumers: ['web-1'],
  untouched: ['web-1'],
};
const ask: VerbRequest = { by: tester, expectedPhase: null, wait: null, reason: null, consumer: 'web-1' };
const phases: Phase[] = [
  'planned',
  'preparing',
  'distributing',
  'draining',
  'retiring',
  'undeploying',
  'regenerating',
  'updating',
  'deploying',
  'compensating',
  'closing',
];

const anyFacts = fc.record({
  sequence: fc.constantFrom('overlap', 'in-place'),
  phase: fc.constantFrom(...phases),
  direction: fc.constantFrom('forward', 'back'),
  waits: fc.array(
    fc.record({
      kind: fc.constantFrom('approval', 'pause', 'operator', 'manual', 'bake', 'spread'),
      number: fc.constantFrom(null, 1),
    }),
    { maxLength: 3 },
  ),
  paused: fc.boolean(),
  crossed: fc.boolean(),
  bound: fc.boolean(),
  expedited: fc.boolean(),
  consumers: fc.subarray(['web-1', 'web-2']),
  untouched: fc.subarray(['web-1', 'web-2']),
}) as fc.Arbitrary<VerbFacts>;

describe('operator verbs', () => {
  it('are all illegal once the rotation is closing, but for the retry of a step that failed', () => {
    const closing: VerbFacts = { ...facts, phase: 'closing', waits: [{ kind: 'approval', number: 1 }] };
    expect(legalVerbs(closing)).toEqual([]);
    expect(legalVerbs({ ...closing, waits: [{ kind: 'operator', number: 2 }] })).toEqual(['retry']);
  });
  it('are refused when the operator saw another phase', () => {
    const decision = mayVerb('abort', facts, { ...ask, expectedPhase: 'draining' });
    expect(decision).toMatchObject({ ok: false, reason: 'moved-on' });
  });

  it('never pause the window in which programs are down', () => {
    fc.assert(
      fc.property(
        anyFacts,
        (f) => !['undeploying', 'regenerating', 'updating', 'deploying'].includes(f.phase) || !mayVerb('pause', f, ask).ok,
      ),
    );
  });
  it('never abort beyond the point of no return', () => {
    fc.assert(fc.property(anyFacts, (f) => !(f.crossed || f.direction === 'back') || !mayVerb('abort', f, ask).ok));
  });
  it('let every step that waits for a person be retried', () => {
    fc.assert(fc.property(anyFacts, (f) => f.waits.every(({ kind }) => kind !== 'operator') || mayVerb('retry', f, ask).ok));
  });
  it('exempt only consumers that are there', () => {
    fc.assert(fc.property(anyFacts, (f) => !mayVerb('exempt', f, ask).ok || f.consumers.includes('web-1')));
  });
  it('give a reason for every no', () => {
    fc.assert(
      fc.property(anyFacts, fc.constantFrom(...verbs), (f, verb) => {
        const decision = mayVerb(verb, f, ask);
        return decision.ok || (decision.reason.length > 0 && decision.message.length > 0);
      }),
    );
  });
});

describe('waves', () => {
  it('hold every consumer exactly once, in order, and none is empty', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 5 }),
        fc.oneof(
          fc.record({ count: fc.integer({ min: 1, max: 9 }) }),
          fc.record({ share: fc.double({ min: 0.01, max: 1, noNaN: true }) }),
        ),
        (n, canary, wave) => {
          const consumers = Array.from({ length: n }, (_, i) => ({ name: `c${i}`, host: 'h', settings: {} }));
          const waves = planWaves(consumers, { canary, wave, bake: 0 });
          expect(waves.flatMap((w) => w.consumers)).toEqual(consumers);
          expect(waves.every((w) => w.consumers.length > 0)).toBe(true);
          expect(waves.map((w) => w.number)).toEqual(waves.map((_, i) => i + 1));
          if (canary > 0 && n > 0) expect(waves[0]!.consumers.length).toBe(Math.min(canary, n));
        },
      ),
    );
  });
});

describe('the correction of a consumer', () => {
  const was = { name: 'web', host: 'disk', settings: { file: '/a', apply: 'systemctl restart wbe' } };
  const right = { ...was, settings: { ...was.settings, apply: 'systemctl restart web' } };
  const reason = (amended: ConsumerSpec, facts: Partial<Parameters<typeof mayAmend>[0]> = {}) => {
    const decision = mayAmend({ was, touched: false, ...facts }, amended);
    return decision.ok ? 'yes' : decision.reason;
  };

  it('is of a consumer to which nothing was done, on the same host, that is declared otherwise now', () => {
    expect(reason(right)).toBe('yes');
    expect(reason(right, { touched: true })).toBe('touched');
    expect(reason(right, { was: null })).toBe('unknown-consumer');
    expect(reason({ ...right, host: 'other' })).toBe('another-consumer');
    expect(reason(was)).toBe('nothing-to-amend');
  });

  it('ends every approval that is asked for, and no other wait', () => {
    const waits = (['operator', 'approval', 'pause', 'manual'] as const).map((kind, at) => ({
      ...{ kind, number: at + 1, current: true, lookedAt: false },
    }));
    const records = { waits, direction: 'forward', noReturn: 'revoke/1 may have been sent' } as const;
    const judged = judge({ verb: 'amend', wait: null }, records);
    expect(judged).toMatchObject({ whyNone: null, ends: [2], turns: false, pending: false });
    expect(judge({ verb: 'exempt', wait: null }, records).ends).toEqual([1]);
  });

  it('changes that consumer alone, in the plan and in what a configuration is held against', () => {
    const other = { ...was, name: 'cron' };
    const spec = declared('c', { consumers: { kind: 'list', list: [was, other] } });
    const next = withConsumer({ spec, targets: [other, was] }, right);
    expect([next.targets, next.spec]).toEqual([[other, right], { ...spec, consumers: { kind: 'list', list: [right, other] } }]);
    const all = declared('c', { consumers: { kind: 'all', host: 'apps' } });
    expect(withConsumer({ spec: all, targets: [was] }, right)).toEqual({ spec: all, targets: [right] });
  });
});
