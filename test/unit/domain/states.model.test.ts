/**
 * The versions of one credential through rotation after rotation: whatever is tried in whatever
 * order, there is one to use, and what is gone stays gone.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Phase,
  phaseTransitions,
  transition,
  type VersionEvent,
  type VersionState,
} from '../../../workflows/domain/states.js';

/**
 * What a store and its consumers would say: which keys the store knows, which of them it accepts,
 * which were ever handed out, which one is used.
 */
interface Model {
  readonly known: Set<number>;
  readonly accepted: Set<number>;
  readonly taken: Set<number>;
  served: number;
}

/**
 * The states as our books have them, moved by `transition` alone; all moves of one commit, or none.
 */
class Books {
  readonly states = new Map<number, VersionState>([[0, 'active']]);

  commit(...moves: readonly (readonly [number, VersionEvent])[]): void {
    const after = moves.map(([generation, event]) => [generation, transition(this.states.get(generation)!, event)] as const);
    for (const [generation, state] of after) this.states.set(generation, state);
  }
}

/**
 * One change of one version; where the model says that a store or a consumer would not have it,
 * neither may the books.
 */
interface Change {
  may(model: Model, g: number): boolean;
  apply(model: Model, g: number): void;
  moves(model: Model, g: number): readonly (readonly [number, VersionEvent])[];
}

const changes: Readonly<Record<string, Change>> = {
  cutOver: {
    may: (m, g) => m.accepted.has(g) && !m.taken.has(g),
    apply: (m, g) => {
      m.taken.add(g);
      m.served = g;
    },
    moves: (m, g) => [
      [m.served, 'supersede'],
      [g, 'activate'],
    ],
  },
  reinstate: {
    may: (m, g) => m.accepted.has(g) && m.taken.has(g) && m.served !== g,
    apply: (m, g) => {
      m.served = g;
    },
    moves: (m, g) => [
      [m.served, 'supersede'],
      [g, 'reinstate'],
    ],
  },
  disable: {
    // A version that nobody was ever handed is removed, not disabled.
    may: (m, g) => m.accepted.has(g) && m.taken.has(g) && m.served !== g,
    apply: (m, g) => void m.accepted.delete(g),
    moves: (_, g) => [[g, 'disable']],
  },
  enable: {
    may: (m, g) => m.known.has(g) && !m.accepted.has(g),
    apply: (m, g) => void m.accepted.add(g),
    moves: (_, g) => [[g, 'enable']],
  },
  revoke: {
    may: (m, g) => m.known.has(g) && m.served !== g,
    apply: (m, g) => {
      m.known.delete(g);
      m.accepted.delete(g);
    },
    moves: (_, g) => [[g, 'revoke']],
  },
};

function agree(model: Model, { states }: Books): void {
  const those = (is: (state: VersionState) => boolean) => [...states].filter(([, state]) => is(state)).map(([g]) => g);
  expect(those((state) => state === 'active')).toEqual([model.served]);
  expect(those((state) => state !== 'disabled' && state !== 'revoked')).toEqual([...model.accepted].sort((a, b) => a - b));
  expect(those((state) => state !== 'revoked')).toEqual([...model.known].sort((a, b) => a - b));
}

const mint: fc.Command<Model, Books> = {
  check: () => true,
  run: (model, books) => {
    const made = books.states.size;
    books.states.set(made, 'prepared');
    model.known.add(made);
    model.accepted.add(made);
    agree(model, books);
  },
  toString: () => 'mint',
};

const command = (name: string, { may, apply, moves }: Change, g: number): fc.Command<Model, Books> => ({
  check: () => true,
  run: (model, books) => {
    if (!books.states.has(g)) return;
    if (may(model, g)) {
      books.commit(...moves(model, g));
      apply(model, g);
    } else {
      expect(() => books.commit(...moves(model, g))).toThrow();
    }
    agree(model, books);
  },
  toString: () => `${name}(${g})`,
});

describe('the versions of a credential', () => {
  it('follow their key store: one is served, what is accepted is alive, what is gone is revoked for good', () => {
    const generation = fc.integer({ min: 0, max: 4 });
    const commands = [
      fc.constant(mint),
      ...Object.entries(changes).map(([name, change]) => generation.map((g) => command(name, change, g))),
    ];
    const setup = () => ({
      model: { known: new Set([0]), accepted: new Set([0]), taken: new Set([0]), served: 0 },
      real: new Books(),
    });
    fc.assert(
      fc.property(fc.commands(commands, { maxCommands: 80, size: 'max' }), (steps) => fc.modelRun(setup, steps)),
      { numRuns: 1_500 },
    );
  });

  it('have one way from being served straight to gone, which is the regenerate in place', () => {
    const books = new Books();
    books.commit([0, 'regenerate']);
    expect(books.states.get(0)).toBe('revoked');
    for (const state of ['prepared', 'retiring', 'disabled', 'revoked'] as const)
      expect(() => transition(state, 'regenerate')).toThrow();
  });
});

describe('the phases of a rotation', () => {
  /** Phases in which the old secret may be gone, so that there is no way back any more. */
  const oldMayBeGone: Readonly<Record<string, readonly Phase[]>> = { overlap: [], 'in-place': ['updating', 'deploying'] };

  for (const strategy of ['overlap', 'in-place'] as const) {
    const table = phaseTransitions[strategy];
    const phases = Object.keys(table) as Phase[];

    it(`${strategy}: a walk of any length ends in closing or can go on, and never leaves the way back`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(), { maxLength: 40 }), (choices) => {
          let at: Phase = 'planned';
          let turned = false;
          for (const choice of choices) {
            const next: readonly Phase[] = table[at] ?? [];
            if (next.length === 0) break;
            at = next[choice % next.length]!;
            if (turned) expect(at).toBe('closing');
            turned = at === 'compensating';
          }
          expect(at === 'closing' || table[at]!.length > 0).toBe(true);
        }),
      );
    });

    it(`${strategy}: the way back is open exactly as long as the old secret cannot be gone`, () => {
      const open = phases.filter((phase) => table[phase]!.includes('compensating'));
      const begun = phases.filter((phase) => !['planned', 'closing', 'compensating'].includes(phase));
      expect(open).toEqual(begun.filter((phase) => !oldMayBeGone[strategy]!.includes(phase)));
    });
  }
});
