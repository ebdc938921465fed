/**
 * Every state that a run can come to, with every verb that an operator can say in it: searched to
 * the end, not sampled.
 */
import { describe, expect, it } from 'vitest';
import { type Phase, phaseTransitions, type Strategy } from '../../../workflows/domain/states.js';
import { mayVerb, type Verb, type VerbFacts, type VerbRequest, verbs } from '../../../workflows/domain/verbs.js';
import { tester } from '../../support/who.js';

const request: VerbRequest = { by: tester, expectedPhase: null, wait: null, reason: null, consumer: 'web-1' };
const down = ({ sequence, phase }: VerbFacts) =>
  ['undeploying', 'regenerating', 'updating', 'deploying'].includes(phase) ||
  (sequence === 'in-place' && phase === 'compensating');
const strategies: readonly Strategy[] = ['overlap', 'in-place'];

const first = (sequence: Strategy): VerbFacts => ({
  sequence,
  phase: 'planned',
  direction: 'forward',
  gate: null,
  wait: null,
  answering: false,
  paused: false,
  waitsForOperator: false,
  crossed: false,
  skippable: null,
  expedited: false,
  consumers: ['web-1'],
  untouched: ['web-1'],
});

/**
 * What a run does by itself: goes on, comes to a gate or a wait, fails for good, passes the point
 * of no return or learns that it did not.
 */
function ownMoves(facts: VerbFacts): readonly VerbFacts[] {
  const { sequence, phase, direction, crossed } = facts;
  if (phase === 'closing' && !facts.waitsForOperator) return [{ ...facts, waitsForOperator: true }];
  if (facts.waitsForOperator || facts.gate) return [];
  if (facts.answering) return [{ ...facts, answering: false }];
  const moves: VerbFacts[] = [{ ...facts, waitsForOperator: true }];
  if (facts.paused && !down(facts) && direction === 'forward') return moves;
  for (const next of phaseTransitions[sequence][phase] ?? []) {
    const turns = next === 'compensating';
    if (turns ? crossed : false) continue;
    moves.push({
      ...facts,
      phase: next,
      direction: turns ? 'back' : direction,
      paused: turns ? false : facts.paused,
      skippable: null,
    });
  }
  if (direction === 'forward' && !crossed && phase === 'preparing') moves.push({ ...facts, gate: 'start' });
  if (direction === 'forward' && !crossed && phase === 'draining') moves.push({ ...facts, gate: 'take-away' });
  if (direction === 'forward' && (phase === 'retiring' || phase === 'regenerating')) moves.push({ ...facts, crossed: true });
  if (crossed && (phase === 'retiring' || phase === 'regenerating')) moves.push({ ...facts, crossed: false });
  if (phase === 'preparing' || phase === 'retiring' || phase === 'regenerating') moves.push({ ...facts, answering: true });
  if (phase === 'distributing') moves.push({ ...facts, skippable: 'bake' });
  if (phase === 'retiring' && crossed) moves.push({ ...facts, skippable: 'prove-dead' });
  return moves;
}

/** What a verb makes of a run; `abort` and `reject` turn it back, wherever it stands. */
function obeyed(facts: VerbFacts, verb: Verb): VerbFacts {
  switch (verb) {
    case 'approve':
      return { ...facts, gate: null };
    case 'reject':
    case 'abort':
      return {
        ...facts,
        gate: null,
        wait: null,
        answering: false,
        waitsForOperator: false,
        paused: false,
        phase: 'compensating',
        direction: 'back',
        skippable: null,
      };
    case 'pause':
    case 'resume':
      return { ...facts, paused: verb === 'pause' };
    case 'retry':
      return { ...facts, waitsForOperator: false };
    case 'skip':
      return { ...facts, skippable: null };
    case 'expedite':
      return { ...facts, expedited: true };
    case 'amend':
      return facts.gate ? { ...facts, gate: null } : facts;
    case 'exempt':
      return { ...facts, waitsForOperator: false, consumers: [], untouched: [] };
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
      [...states].filter(([, { facts }]) => facts.phase === 'closing' && !facts.waitsForOperator).map(([name]) => name),
    );
    for (let grown = true; grown; ) {
      const before = ends.size;
      for (const [name, { next }] of states) if (next.some((n) => ends.has(n))) ends.add(name);
      grown = ends.size > before;
    }
    expect([...states.keys()].filter((name) => !ends.has(name))).toEqual([]);
  });

  it('that waits for a person has an exit that a person can take', () => {
    const waiting = all.filter((f) => f.waitsForOperator || f.gate || (f.paused && f.direction === 'forward' && !down(f)));
    const ending: Readonly<Record<string, readonly Verb[]>> = {
      gate: ['approve', 'reject'],
      waitsForOperator: ['retry'],
      paused: ['resume'],
    };
    for (const facts of waiting) {
      const needed = facts.gate ? 'gate' : facts.waitsForOperator ? 'waitsForOperator' : 'paused';
      if (needed === 'paused' && facts.phase === 'closing') continue;
      expect(legal(facts), JSON.stringify(facts)).toEqual(expect.arrayContaining([...ending[needed]!]));
    }
    expect(waiting.length).toBeGreaterThan(20);
  });

  it('cannot be turned once it goes back or may have taken something away', () => {
    for (const facts of all.filter((f) => f.direction === 'back' || f.crossed)) {
      expect(legal(facts), JSON.stringify(facts)).not.toContain('abort');
      expect(legal(facts), JSON.stringify(facts)).not.toContain('expedite');
    }
  });

  it('is never paused while programs are down', () => {
    for (const facts of all.filter(down)) expect(legal(facts)).not.toContain('pause');
  });

  it('is closing for good: nothing but a step that failed can be said anything about', () => {
    for (const facts of all.filter((f) => f.phase === 'closing'))
      expect(legal(facts)).toEqual(facts.waitsForOperator ? ['retry'] : []);
  });
});

/**
 * The table once more, as what stands against each verb: the other way round than the code says it.
 */
const against: Readonly<Record<Verb, (facts: VerbFacts) => boolean>> = {
  approve: (f) => f.gate === null,
  reject: (f) => f.gate === null && !f.answering,
  pause: (f) => f.paused || down(f),
  resume: (f) => !f.paused,
  retry: (f) => !f.waitsForOperator,
  skip: (f) => f.skippable === null,
  exempt: (f) => !f.consumers.includes('web-1'),
  amend: (f) => f.direction === 'back' || !f.untouched.includes('web-1'),
  expedite: (f) => f.sequence === 'in-place' || f.direction === 'back' || f.crossed || f.expedited,
  abort: (f) => f.direction === 'back' || f.crossed,
};

describe('the table phase × verb', () => {
  it('says what the model says, in every combination of facts', () => {
    const both = [false, true];
    let asked = 0;
    for (const sequence of strategies)
      for (const phase of [...new Set(strategies.flatMap((s) => Object.keys(phaseTransitions[s]) as Phase[]))])
        for (const direction of ['forward', 'back'] as const)
          for (const gate of [null, 'start', 'take-away'] as const)
            for (const skippable of [null, 'bake', 'prove-dead'] as const)
              for (const [answering, paused, waitsForOperator] of both.flatMap((a) =>
                both.flatMap((b) => both.map((c) => [a, b, c] as const)),
              ))
                for (const [crossed, expedited] of both.flatMap((a) => both.map((b) => [a, b] as const)))
                  for (const consumers of [[], ['web-1']]) {
                    const facts = {
                      sequence,
                      phase,
                      direction,
                      gate,
                      wait: null,
                      skippable,
                      answering,
                      paused,
                      waitsForOperator,
                      crossed,
                      expedited,
                      consumers,
                      untouched: consumers,
                    };
                    const expected = verbs.filter((verb) => !against[verb](facts) && (phase !== 'closing' || verb === 'retry'));
                    if (legal(facts).join() !== expected.join()) expect(legal(facts), JSON.stringify(facts)).toEqual(expected);
                    asked++;
                  }
    expect(asked).toBe(2 * 11 * 2 * 3 * 3 * 8 * 4 * 2);
  });
});
