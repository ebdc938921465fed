/**
 * Every state that a run can come to, with every verb that an operator can say in it: searched to
 * the end, not sampled.
 */
import { describe, expect, it } from 'vitest';
import { type Phase, phaseTransitions, type Strategy } from '../../../workflows/domain/states.js';
import { mayVerb, type Verb, type VerbFacts, type VerbRequest, verbs } from '../../../workflows/domain/verbs.js';
import { exitsOf, legalVerbs, type OpenWait } from '../../../workflows/domain/waits.js';
import { tester } from '../../support/who.js';

const request: VerbRequest = { by: tester, expectedPhase: null, wait: null, reason: null, consumer: 'web-1' };
const down = ({ sequence, phase }: VerbFacts) =>
  ['undeploying', 'regenerating', 'updating', 'deploying'].includes(phase) ||
  (sequence === 'in-place' && phase === 'compensating');
const strategies: readonly Strategy[] = ['overlap', 'in-place'];

const waits = (facts: VerbFacts, kind: OpenWait['kind']) => facts.waits.some((wait) => wait.kind === kind);
const at = (facts: VerbFacts, ...open: readonly OpenWait[]): VerbFacts => ({ ...facts, waits: open });
const wait = (kind: OpenWait['kind'], more: Partial<OpenWait> = {}): OpenWait => ({ kind, number: 1, ...more });

const first = (sequence: Strategy): VerbFacts => ({
  sequence,
  phase: 'planned',
  direction: 'forward',
  waits: [],
  paused: false,
  crossed: false,
  bound: false,
  expedited: false,
  consumers: ['web-1'],
  untouched: ['web-1'],
});

/**
 * What a run does by itself: goes on, comes to a gate or a wait, fails for good, passes the point
 * of no return or learns that it did not.
 */
function ownMoves(facts: VerbFacts): readonly VerbFacts[] {
  const { sequence, phase, direction, crossed, bound } = facts;
  const fails = at(facts, wait('operator', { consumers: facts.consumers }));
  if (phase === 'closing' && facts.waits.length === 0) return [fails];
  if (waits(facts, 'operator') || waits(facts, 'approval') || waits(facts, 'pause')) return [];
  if (facts.waits.length > 0) return [at(facts)];
  const moves: VerbFacts[] = [fails];
  if (facts.paused && !down(facts)) return [at(facts, wait('pause')), ...moves];
  for (const next of phaseTransitions[sequence][phase] ?? []) {
    const turns = next === 'compensating';
    if (turns && (crossed || bound)) continue;
    moves.push({ ...facts, phase: next, direction: turns ? 'back' : direction, paused: turns ? false : facts.paused });
  }
  const isForward = direction === 'forward';
  if (isForward && !crossed && !bound && phase === 'preparing') moves.push(at(facts, wait('approval')));
  if (isForward && !crossed && phase === 'draining') moves.push(at(facts, wait('approval')), at(facts, wait('quiet')));
  if (isForward && (phase === 'retiring' || phase === 'regenerating')) moves.push({ ...facts, crossed: true });
  if (crossed && (phase === 'retiring' || phase === 'regenerating')) moves.push({ ...facts, crossed: false });
  if (phase === 'preparing' || phase === 'retiring' || phase === 'regenerating') moves.push(at(facts, wait('manual')));
  if (phase === 'distributing') moves.push(at(facts, wait('bake', { skips: true })));
  if (isForward && phase === 'distributing' && sequence === 'overlap' && facts.consumers.length > 0)
    moves.push({ ...facts, bound: true });
  if (phase === 'retiring' && crossed) moves.push(at(facts, wait('spread', { number: null, skips: true })));
  if (phase === 'compensating') moves.push(at(facts, wait('operator', { skips: true, hopeless: true })));
  return moves;
}

/** What a verb makes of a run; `abort` turns it back, and so does `reject` at a gate. */
function obeyed(facts: VerbFacts, verb: Verb): VerbFacts {
  switch (verb) {
    case 'reject':
      if (!waits(facts, 'approval')) return at(facts);
      return { ...facts, waits: [], paused: false, phase: 'compensating', direction: 'back' };
    case 'abort':
      return { ...facts, waits: [], paused: false, phase: 'compensating', direction: 'back' };
    case 'pause':
      return { ...facts, paused: true };
    case 'resume':
      return { ...facts, paused: false, waits: facts.waits.filter(({ kind }) => kind !== 'pause') };
    case 'expedite':
      return { ...facts, expedited: true };
    case 'amend':
      return { ...facts, waits: facts.waits.filter(({ kind }) => kind !== 'approval') };
    case 'exempt':
      return {
        ...facts,
        waits: facts.waits.filter(({ kind }) => kind !== 'operator'),
        bound: false,
        consumers: [],
        untouched: [],
      };
    default:
      return at(facts);
  }
}

const legal = (facts: VerbFacts) => verbs.filter((verb) => mayVerb(verb, facts, request).ok);

/** Every state that can be reached, with those that follow it. */
function explore(sequence: Strategy): Map<string, { facts: VerbFacts; next: readonly string[] }> {
  const found = new Map<string, { facts: VerbFacts; next: readonly string[] }>();
  const open = [first(sequence)];
  for (let facts = open.pop(); facts; facts = open.pop()) {
    const name = JSON.stringify(facts);
    if (found.has(name)) continue;
    const after = [...ownMoves(facts), ...legal(facts).map((verb) => obeyed(facts!, verb))];
    found.set(name, { facts, next: after.map((next) => JSON.stringify(next)) });
    open.push(...after);
  }
  return found;
}

describe.each(strategies)('a run of sequence %s', (sequence) => {
  const states = explore(sequence);
  const all = [...states.values()].map(({ facts }) => facts);

  it('is looked at in every state that it can come to', () => expect(states.size).toBeGreaterThan(50));

  it('always has a way to its end', () => {
    const ends = new Set(
      [...states].filter(([, { facts }]) => facts.phase === 'closing' && facts.waits.length === 0).map(([name]) => name),
    );
    for (let grown = true; grown; ) {
      const before = ends.size;
      for (const [name, { next }] of states) if (next.some((n) => ends.has(n))) ends.add(name);
      grown = ends.size > before;
    }
    expect([...states.keys()].filter((name) => !ends.has(name))).toEqual([]);
  });

  it('that waits for a person offers an exit that is legal, and brings it further', () => {
    const forPerson = ['approval', 'pause', 'operator', 'manual', 'bake'];
    const waiting = all.flatMap((facts) =>
      facts.waits.filter(({ kind }) => forPerson.includes(kind)).map((open) => ({ facts, open })),
    );
    for (const { facts, open } of waiting) {
      const offered = exitsOf(open, facts);
      expect(offered.length, JSON.stringify(facts)).toBeGreaterThan(0);
      for (const exit of offered) if (exit !== 'provide') expect(legal(facts), JSON.stringify(facts)).toContain(exit);
      if (open.hopeless) expect(offered).not.toContain('retry');
    }
    expect(waiting.length).toBeGreaterThan(20);
  });

  it('cannot be turned once it goes back or may have taken something away', () => {
    for (const facts of all.filter((f) => f.direction === 'back' || f.crossed || f.bound)) {
      expect(legal(facts), JSON.stringify(facts)).not.toContain('abort');
      if (!facts.bound || facts.crossed) expect(legal(facts), JSON.stringify(facts)).not.toContain('expedite');
    }
  });

  it('is never paused while programs are down', () => {
    for (const facts of all.filter(down)) expect(legal(facts)).not.toContain('pause');
  });

  it('is closing for good: nothing but a step that failed can be said anything about', () => {
    for (const facts of all.filter((f) => f.phase === 'closing'))
      expect(legal(facts)).toEqual(waits(facts, 'operator') ? ['retry'] : []);
  });
});

/**
 * The table once more, as what stands against each verb: the other way round than the code says it.
 */
const against: Readonly<Record<Verb, (facts: VerbFacts) => boolean>> = {
  approve: (f) => !waits(f, 'approval'),
  reject: (f) => !waits(f, 'manual') && (f.bound || !waits(f, 'approval')),
  pause: (f) => f.paused || down(f),
  resume: (f) => !f.paused,
  retry: (f) => !waits(f, 'operator'),
  skip: (f) => !f.waits.some(({ skips }) => skips),
  exempt: (f) => !f.consumers.includes('web-1'),
  amend: (f) => f.direction === 'back' || !f.untouched.includes('web-1'),
  expedite: (f) => f.sequence === 'in-place' || f.direction === 'back' || f.crossed || f.expedited,
  abort: (f) => f.direction === 'back' || f.crossed || f.bound,
};

const subsets = <Item>(items: readonly Item[]): readonly (readonly Item[])[] =>
  Array.from({ length: 2 ** items.length }, (_, chosen) => items.filter((_, index) => chosen & (1 << index)));

describe('the table phase × verb', () => {
  it('says what the model says, in every combination of facts', () => {
    const both = [false, true];
    const phases = [...new Set(strategies.flatMap((s) => Object.keys(phaseTransitions[s]) as Phase[]))];
    const kinds = [wait('approval'), wait('manual'), wait('operator'), wait('bake', { skips: true }), wait('spread')];
    let asked = 0;
    for (const sequence of strategies)
      for (const phase of phases)
        for (const direction of ['forward', 'back'] as const)
          for (const open of subsets(kinds))
            for (const [paused, crossed] of both.flatMap((a) => both.map((b) => [a, b] as const)))
              for (const [bound, expedited] of both.flatMap((a) => both.map((b) => [a, b] as const)))
                for (const consumers of [[], ['web-1']]) {
                  const facts: VerbFacts = {
                    sequence,
                    phase,
                    direction,
                    waits: open,
                    paused,
                    crossed,
                    bound,
                    expedited,
                    consumers,
                    untouched: consumers,
                  };
                  const expected = verbs.filter(
                    (verb) => !against[verb](facts) && (phase !== 'closing' || (verb === 'retry' && waits(facts, 'operator'))),
                  );
                  if (legal(facts).join() !== expected.join()) expect(legal(facts), JSON.stringify(facts)).toEqual(expected);
                  asked++;
                }
    expect(asked).toBe(2 * 12 * 2 * 32 * 4 * 4 * 2);
  });

  it('is what help shows', () => {
    const facts = at({ ...first('overlap'), phase: 'draining' }, wait('approval'));
    expect(legalVerbs(facts)).toEqual(legal(facts));
  });
});
