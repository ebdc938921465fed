/**
 * The decisions that destroy, held against independent models and against their own logic: better
 * evidence never turns a yes into a no, worse never a no into a yes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcceptedRisk, Evidence } from '../../../workflows/domain/credential.js';
import type { DatedInspection, InstanceSeen, LastUseReading } from '../../../workflows/domain/observations.js';
import { mayRegenerate } from '../../../workflows/domain/regenerate.js';
import {
  freshMs,
  isQuiet,
  mayRevoke,
  nextLook,
  type QuietRules,
  type RevokeFacts,
  type RevokeRules,
} from '../../../workflows/domain/revoke.js';

const names = ['a', 'b', 'c'];
const evidences: readonly Evidence[] = ['none', 'rolled-out', 'loaded', 'uses'];
const runs = { numRuns: 3_000 };

const instance: fc.Arbitrary<InstanceSeen> = fc.record({
  id: fc.constantFrom('1', '2'),
  generation: fc.oneof({ weight: 5, arbitrary: fc.constant(2) }, fc.constantFrom(1, null)),
  evidence: fc.constantFrom(...evidences, 'uses' as const, 'uses' as const),
});
const inspection = (consumer: string): fc.Arbitrary<DatedInspection> =>
  fc.record({
    consumer: fc.constant(consumer),
    state: fc.constantFrom('running', 'stopped', 'failing', 'stopping', 'starting'),
    instances: fc.array(instance, { maxLength: 2 }),
    source: fc.oneof({ weight: 5, arbitrary: fc.constant(2) }, fc.constantFrom(1, null)),
    showsSource: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
    healthy: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
    authenticationFailed: fc.boolean(),
    detail: fc.constant(''),
    ageMs: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 0, max: freshMs }) },
      fc.integer({ min: freshMs + 1, max: freshMs * 3 }),
    ),
  });
/** At most one look at each consumer: the latest, as the ledger answers. */
const inspections = fc
  .tuple(...names.map((name) => fc.option(inspection(name), { freq: 8 })))
  .map((seen) => seen.filter((i) => i !== null));
const mostly = (value: boolean) => fc.oneof({ weight: 8, arbitrary: fc.constant(value) }, fc.constant(!value));

const revokeFacts: fc.Arbitrary<RevokeFacts> = fc.record({
  isManagementKey: mostly(false),
  target: fc.constant(1),
  survivor: fc.constant(2),
  keysInStore: fc.option(fc.integer({ min: 1, max: 6 }), { nil: null, freq: 8 }),
  minimumKeys: fc.integer({ min: 0, max: 2 }),
  survivorProvedNow: mostly(true),
  required: fc.subarray(names),
  inspections,
  inUse: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, fc.constant('1 open')),
});
const revokeRules: fc.Arbitrary<RevokeRules> = fc.record({
  evidence: fc.constantFrom(...evidences),
  accept: fc.subarray<AcceptedRisk>(['source-not-shown', 'no-last-used', 'no-way-back']),
});

/**
 * Everything that has to be true at once, consumer by consumer; the code goes through it reason by
 * reason.
 */
function allowed(facts: RevokeFacts, rules: RevokeRules): boolean {
  const proved = (name: string) => {
    const seen = facts.inspections.find((i) => i.consumer === name);
    if (!seen || seen.ageMs > freshMs || !seen.healthy || seen.instances.length === 0) return false;
    const enough = evidences.slice(evidences.indexOf(rules.evidence));
    if (!seen.instances.every((i) => i.generation === 2 && enough.includes(i.evidence))) return false;
    return seen.showsSource ? seen.source === 2 : rules.accept.includes('source-not-shown');
  };
  const enoughStay = facts.keysInStore === null || facts.keysInStore - 1 >= facts.minimumKeys;
  const store = !facts.isManagementKey && facts.survivorProvedNow && facts.inUse === null && enoughStay;
  return store && facts.required.every(proved);
}

/** Changes that can only speak for the revoke. */
const better: readonly ((facts: RevokeFacts, rules: RevokeRules) => [RevokeFacts, RevokeRules])[] = [
  (f, r) => [{ ...f, isManagementKey: false }, r],
  (f, r) => [{ ...f, survivorProvedNow: true }, r],
  (f, r) => [{ ...f, inUse: null }, r],
  (f, r) => [{ ...f, keysInStore: f.keysInStore === null ? null : f.keysInStore + 1 }, r],
  (f, r) => [{ ...f, minimumKeys: f.minimumKeys - 1 }, r],
  (f, r) => [{ ...f, required: f.required.slice(1) }, r],
  (f, r) => [f, { ...r, evidence: evidences[Math.max(evidences.indexOf(r.evidence) - 1, 0)]! }],
  (f, r) => [f, { ...r, accept: [...r.accept, 'source-not-shown'] }],
  (f, r) => [looks(f, (i) => ({ ...i, ageMs: i.ageMs / 2 })), r],
  (f, r) => [looks(f, (i) => ({ ...i, healthy: true })), r],
  (f, r) => [looks(f, (i) => ({ ...i, showsSource: true, source: 2 })), r],
  (f, r) => [looks(f, (i) => ({ ...i, instances: i.instances.map((x) => ({ ...x, generation: 2 })) })), r],
  (f, r) => [looks(f, (i) => ({ ...i, instances: i.instances.map((x) => ({ ...x, evidence: 'uses' as const })) })), r],
  (f, r) => [looks(f, (i) => ({ ...i, instances: i.instances.length > 1 ? i.instances.slice(1) : i.instances })), r],
];
function looks(facts: RevokeFacts, change: (inspection: DatedInspection) => DatedInspection): RevokeFacts {
  return { ...facts, inspections: facts.inspections.map(change) };
}

describe('mayRevoke', () => {
  it('says yes exactly when the model does, and both answers are common enough to mean something', () => {
    let said = { yes: 0, no: 0 };
    fc.assert(
      fc.property(revokeFacts, revokeRules, (facts, rules) => {
        const { ok } = mayRevoke(facts, rules);
        said = ok ? { ...said, yes: said.yes + 1 } : { ...said, no: said.no + 1 };
        expect(ok).toBe(allowed(facts, rules));
      }),
      runs,
    );
    expect(Math.min(said.yes, said.no)).toBeGreaterThan(100);
  });

  it.each(
    better.map((change, index) => [index + 1, change] as const),
  )('never turns a yes into a no on more evidence (%i)', (_, change) => {
    fc.assert(
      fc.property(revokeFacts, revokeRules, (facts, rules) => {
        if (mayRevoke(facts, rules).ok) expect(mayRevoke(...change(facts, rules))).toEqual({ ok: true });
      }),
      runs,
    );
  });

  it('never says yes without a proof of this very attempt, nor on looks that are all old', () => {
    fc.assert(
      fc.property(revokeFacts, revokeRules, (facts, rules) => {
        expect(mayRevoke({ ...facts, survivorProvedNow: false }, rules).ok).toBe(false);
        const old = looks(facts, (i) => ({ ...i, ageMs: freshMs + 1 }));
        if (facts.required.length > 0) expect(mayRevoke(old, rules).ok).toBe(false);
      }),
      runs,
    );
  });
});

describe('mayRegenerate', () => {
  const stopped = inspections.map((all) =>
    all.map((i) => (i.consumer === 'c' ? i : { ...i, state: 'stopped' as const, instances: [] })),
  );

  it('says yes exactly when each program was seen stopped, without an instance, just now', () => {
    const said = new Set<boolean>();
    fc.assert(
      fc.property(fc.subarray(names), fc.oneof(inspections, stopped), (required, seen) => {
        const { ok } = mayRegenerate(required, seen);
        said.add(ok);
        const down = seen.filter((i) => i.ageMs <= freshMs && i.state === 'stopped' && i.instances.length === 0);
        expect(ok).toBe(required.every((name) => down.some((i) => i.consumer === name)));
      }),
      runs,
    );
    expect(said.size).toBe(2);
  });

  it('is never allowed by one program more, and never forbidden by a fresher look', () => {
    fc.assert(
      fc.property(fc.subarray(names), stopped, fc.constantFrom(...names), (required, seen, more) => {
        const before = mayRegenerate(required, seen).ok;
        if (!before) expect(mayRegenerate([...new Set([...required, more])], seen).ok).toBe(false);
        if (before)
          expect(
            mayRegenerate(
              required,
              seen.map((i) => ({ ...i, ageMs: 0 })),
            ).ok,
          ).toBe(true);
      }),
      runs,
    );
  });
});

describe('isQuiet', () => {
  const policy = fc.record({
    cutoverAt: fc.constant(10_000),
    grace: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constant(0)),
    lag: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constant(0)),
    presence: fc.boolean(),
  });
  /** An operator who expedites takes the grace away. */
  const rules = fc.tuple(policy, fc.boolean()).map(([r, expedited]) => ({ ...r, grace: expedited ? 0 : r.grace }));
  const accept = fc.subarray<AcceptedRisk>(['source-not-shown', 'no-last-used', 'no-way-back']);
  /** Looks one after the other, from before cutover to long after; each takes some time. */
  const readings = fc
    .array(
      fc.record({
        after: fc.integer({ min: 1, max: 500 }),
        takes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
        value: fc.constantFrom('x', 'x', 'x', 'y', null),
      }),
      { maxLength: 6 },
    )
    .map((steps) => {
      let at = 9_700;
      return steps.map(({ after, takes, value }): LastUseReading => {
        const lookedAt = at + after;
        at = lookedAt + takes;
        return { lookedAt, seenBy: at, value };
      });
    });
  const lastOf = (seen: readonly LastUseReading[]) => seen.at(-1)?.seenBy ?? 10_000;
  const once = (at: number, value: string | null): LastUseReading => ({ lookedAt: at, seenBy: at, value });

  /**
   * The pairs of looks that may say that the key is quiet, as far as the lag alone is concerned.
   */
  function pairs(seen: readonly LastUseReading[], r: QuietRules, apart: number): number {
    const last = seen.at(-1);
    return seen.filter(
      (first, index) =>
        first !== last &&
        first.lookedAt >= r.cutoverAt + r.lag &&
        seen.slice(index).every((reading) => reading.value === first.value) &&
        last!.lookedAt - first.seenBy >= apart,
    ).length;
  }

  it('never says yes without two looks of which the second began at least the lag after the first had ended', () => {
    let said = 0;
    fc.assert(
      fc.property(rules, readings, accept, fc.integer({ min: 0, max: 800 }), (r, seen, accepted, later) => {
        if (!isQuiet(seen, lastOf(seen) + later, r, accepted).ok) return;
        said++;
        const silent = seen.filter((reading) => reading.lookedAt >= r.cutoverAt + r.lag).every(({ value }) => value === null);
        if (seen.at(-1)!.value === null) expect(accepted).toContain('no-last-used');
        if (!silent) expect(pairs(seen, r, r.lag)).toBeGreaterThan(0);
        if (r.presence) expect(seen.at(-1)!.value).toBeNull();
      }),
      { numRuns: 20_000, seed: 17 },
    );
    expect(said).toBeGreaterThan(500);
  });

  it('says yes exactly when the model does', () => {
    const said = new Set<boolean>();
    fc.assert(
      fc.property(rules, readings, accept, fc.integer({ min: 0, max: 800 }), (r, seen, accepted, later) => {
        const now = Math.max(lastOf(seen), 10_000) + later;
        const { ok } = isQuiet(seen, now, r, accepted);
        said.add(ok);
        const settled = seen.filter((reading) => reading.lookedAt >= r.cutoverAt + r.lag);
        const last = settled.at(-1)?.value;
        const counts = last === null ? accepted.includes('no-last-used') : !r.presence;
        const silent = settled.length > 0 && settled.every(({ value }) => value === null);
        const proved = silent || pairs(seen, r, Math.max(r.grace, r.lag)) > 0;
        expect(ok).toBe(now >= r.cutoverAt + r.grace && settled.length > 0 && counts && proved);
      }),
      { numRuns: 10_000 },
    );
    expect(said.size).toBe(2);
  });

  it('stays yes as long as nothing moves, and is no as soon as something does', () => {
    fc.assert(
      fc.property(rules, readings, fc.integer({ min: 0, max: 5_000 }), (r, seen, later) => {
        const now = Math.max(lastOf(seen), r.cutoverAt + r.grace);
        if (!isQuiet(seen, now, r, []).ok) return;
        const next = once(now + later + 1, seen.at(-1)!.value);
        expect(isQuiet(seen, next.seenBy, r, []).ok).toBe(true);
        expect(isQuiet([...seen, next], next.seenBy, r, []).ok).toBe(true);
        expect(isQuiet([...seen, { ...next, value: 'moved' }], next.seenBy, r, []).ok).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  it('cannot say yes before the moment that it names, and that moment is never past', () => {
    fc.assert(
      fc.property(rules, readings, fc.double({ min: 0, max: 0.999, noNaN: true }), (r, seen, part) => {
        const now = Math.max(lastOf(seen), r.cutoverAt);
        if (isQuiet(seen, now, r, []).ok) return;
        const wait = nextLook(seen, now, r);
        expect(wait).toBeGreaterThanOrEqual(0);
        // The shortest wait is for the sake of the store: two looks need not be closer.
        if (wait <= 50) return;
        const early = now + Math.floor(wait * part);
        const settled = seen.filter((reading) => reading.lookedAt >= r.cutoverAt + r.lag);
        const value = settled.at(-1)?.value ?? 'x';
        expect(isQuiet([...seen, once(early, value)], early, r, []).ok && early > now && settled.length > 0).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });
});
