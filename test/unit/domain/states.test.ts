/** The transition tables against a model that is written down another way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  mayEnter,
  type Phase,
  phaseTransitions,
  transition,
  type VersionEvent,
  type VersionState,
  versionTransitions,
} from '../../../workflows/domain/states.js';

const states = Object.keys(versionTransitions) as VersionState[];
const events: VersionEvent[] = [
  'activate',
  'supersede',
  'reinstate',
  'disable',
  'enable',
  'revoke',
  'regenerate',
  'contain-disable',
  'contain-revoke',
];

/**
 * The same rules in other words: what a store would say of the key, and whether it is the served
 * one.
 */
class Model {
  exists = true;
  accepted = true;
  served = false;
  used = false;

  may(event: VersionEvent): boolean {
    if (!this.exists) return false;
    switch (event) {
      case 'activate':
        return !this.used;
      case 'supersede':
      case 'regenerate':
        return this.served;
      case 'reinstate':
      case 'disable':
        return this.used && !this.served && this.accepted;
      case 'enable':
        return !this.accepted;
      case 'revoke':
        return !this.served;
      case 'contain-disable':
        return this.accepted;
      case 'contain-revoke':
        return true;
    }
  }

  apply(event: VersionEvent): void {
    if (event === 'activate' || event === 'reinstate') this.served = this.used = true;
    if (event === 'supersede') this.served = false;
    if (event === 'disable') this.accepted = false;
    if (event === 'enable') this.accepted = true;
    // What is switched off for a leak may be the one that is served, or one that nobody had yet.
    if (event === 'contain-disable') {
      this.accepted = this.served = false;
      this.used = true;
    }
    if (event === 'revoke' || event === 'regenerate' || event === 'contain-revoke')
      this.exists = this.served = this.accepted = false;
  }
}

describe('the states of a version', () => {
  it('follow the model, whatever is tried in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (tried) => {
        const model = new Model();
        let state: VersionState = 'prepared';
        for (const event of tried) {
          if (model.may(event)) {
            state = transition(state, event);
            model.apply(event);
          } else {
            expect(() => transition(state, event)).toThrow();
          }
          expect(state === 'active').toBe(model.served);
          expect(state !== 'disabled' && state !== 'revoked').toBe(model.exists && model.accepted);
          expect(state === 'revoked').toBe(!model.exists);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('never bring a revoked version back', () => {
    for (const event of events) expect(() => transition('revoked', event)).toThrow();
  });

  it('are all reachable', () => {
    const reached = new Set<VersionState>(['prepared']);
    for (let grown = true; grown; ) {
      const before = reached.size;
      for (const state of [...reached]) for (const next of Object.values(versionTransitions[state])) reached.add(next);
      grown = reached.size > before;
    }
    expect([...reached].sort()).toEqual([...states].sort());
  });
});

describe('the phases of a rotation', () => {
  for (const strategy of ['overlap', 'in-place', 'update'] as const) {
    const table = phaseTransitions[strategy];

    it(`${strategy}: every phase but closing has a way to closing`, () => {
      for (const phase of Object.keys(table) as Phase[]) {
        const reached = new Set<Phase>([phase]);
        for (let grown = true; grown; ) {
          const before = reached.size;
          for (const p of [...reached]) for (const next of table[p] ?? []) reached.add(next);
          grown = reached.size > before;
        }
        expect(reached.has('closing'), phase).toBe(true);
      }
    });

    it(`${strategy}: nothing leads out of compensating but closing, and nothing out of closing`, () => {
      expect(table.compensating).toEqual(['closing']);
      expect(table.closing).toEqual([]);
    });
  }

  it('in place: there is no way back once the secret was changed', () => {
    expect(mayEnter('in-place', 'updating', 'compensating')).toBe(false);
    expect(mayEnter('in-place', 'deploying', 'compensating')).toBe(false);
  });
});
