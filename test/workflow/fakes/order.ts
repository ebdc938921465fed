/**
 * Owns how the log of a case is held against the order that is promised: what stands behind another
 * began after that one had ended.
 */
import { expect } from 'vitest';
import type { Entry } from './script.js';
import type { World } from './world.js';

/** A step, or steps that may go side by side: each chain keeps its own order. */
export type Expected = string | { readonly sideBySide: readonly (readonly string[])[] };

export const sideBySide = (...chains: readonly (string | readonly string[])[]): Expected => ({
  sideBySide: chains.map((chain) => (typeof chain === 'string' ? [chain] : chain)),
});

type Filter = (label: string, entry: Entry) => boolean;

/** What a run has written down between its steps. */
export const notes = ['openWait', 'recordVerb', 'turnBack', 'report', 'beginRound'] as const;

/** Labels that are one of these, or begin with one and a blank. */
export const only =
  (...labels: readonly string[]) =>
  (label: string): boolean =>
    labels.some((each) => label === each || label.startsWith(`${each} `));

/**
 * Holds all that was begun, or what the filter leaves of it, against `expected`; and nobody was
 * harmed.
 */
export function expectOrder(world: World, expected: readonly Expected[], filter: Filter = () => true): void {
  const log = world.script.log.filter((e) => filter(e.label, e));
  const left = [...log];
  const seen = expected.map((part): Expected => {
    if (typeof part === 'string') return left.shift()?.label ?? 'nothing';
    const group = left.splice(0, part.sideBySide.flat().length);
    return { sideBySide: part.sideBySide.map((chain) => group.map((e) => e.label).filter((label) => chain.includes(label))) };
  });
  expect([...seen, ...left.map((e) => e.label)]).toEqual(expected);
  expect(overlapping(log, expected)).toEqual([]);
  expect(world.outside.harm).toEqual([]);
}

/** Holds what was begun from `first` on against `expected`. */
export function expectOrderFrom(first: string, world: World, expected: readonly Expected[]): void {
  const from = world.script.log.findIndex((e) => e.label === first);
  const after = new Set(world.script.log.slice(from));
  expectOrder(world, expected, (_, entry) => after.has(entry));
}

/** Steps that began before one had ended that they stand behind. */
function overlapping(log: readonly Entry[], expected: readonly Expected[]): readonly string[] {
  const found: string[] = [];
  let [at, until] = [0, 0];
  for (const part of expected) {
    const group = log.slice(at, at + (typeof part === 'string' ? 1 : part.sideBySide.flat().length));
    at += group.length;
    found.push(...group.filter((e) => e.began < until).map((e) => `${e.label} began too early`));
    const chains = typeof part === 'string' ? [] : part.sideBySide;
    for (const chain of chains) {
      const own = chain.map((label) => group.find((e) => e.label === label)!);
      own.slice(1).forEach((e, index) => {
        if (own[index]!.ended === null || e.began < own[index]!.ended)
          found.push(`${e.label} began before ${own[index]!.label} ended`);
      });
    }
    until = Math.max(until, ...group.map((e) => e.ended ?? Number.POSITIVE_INFINITY));
  }
  return found;
}
