/**
 * The sample of the matrix leaves no fault and no request out, whatever commit chooses it, and its
 * rotations meet their cases one after the other.
 */
import { describe, expect, it } from 'vitest';
import { faultKinds, fits } from '../../matrix/faults.js';
import type { Point } from '../../matrix/points.js';
import type { Case } from '../../matrix/run.js';
import { pack, sampleOf, showing } from '../../matrix/sample.js';
import { mayBeRefused } from '../../matrix/trial.js';

const point = (step: string, method: string, template: string, changes: number): Point => ({
  credential: 'datadog/agents',
  step,
  vendor: 'datadog',
  method,
  template,
  which: 'only',
  path: template,
  changes,
  skip: 0,
});
const points = [
  point('preflight', 'GET', '/validate', 0),
  point('mint', 'GET', '/keys', 0),
  point('mint', 'POST', '/keys', 0),
  point('prove', 'GET', '/validate', 1),
  point('prove', 'GET', '/keys/{id}', 1),
  point('drain', 'GET', '/keys/{id}', 3),
  point('revoke', 'DELETE', '/keys/{id}', 3),
  point('prove-dead', 'GET', '/validate', 4),
];
const drive = () => Promise.reject(new Error('never'));
const back = (at: string) =>
  points
    .slice(0, 4)
    .map((it): Case => ({ point: it, kind: faultKinds[0]!, way: 'on the way back', after: `aborted at ${at}`, drive }));
const leaked = ['rotate', 'contain'].flatMap((way) =>
  points.slice(1, 3).map((it): Case => ({ point: it, kind: faultKinds[0]!, way, ends: ['completed'], drive })),
);
const cases: readonly Case[] = [
  ...faultKinds.flatMap((kind) => points.filter((it) => fits(kind, it)).map((it) => ({ kind, point: it }))),
  ...back('drain'),
  ...back('prove'),
  ...leaked,
];
const shown = (some: readonly Case[]) => [...new Set(some.flatMap(showing(cases)))].sort();

describe('a sample', () => {
  it('shows all that the cases show, with fewer of them', () => {
    for (const seed of ['a', 'b', 'c']) {
      const chosen = sampleOf(cases, seed);
      expect(shown(chosen)).toEqual(shown(cases));
      expect(chosen.length).toBeLessThan(cases.length);
    }
  });

  it('is the same for the same commit, and another one for another', () => {
    expect(sampleOf(cases, 'a')).toEqual(sampleOf([...cases].reverse(), 'a'));
    expect(sampleOf(cases, 'a')).not.toEqual(sampleOf(cases, 'b'));
  });
});

it('has each fault meet each step that it fits, and each request a fault', () => {
  const chosen = sampleOf(cases, 'a');
  const pairs = (some: readonly Case[]) => new Set(some.map((it) => `${it.way}/${it.point.step}/${it.kind.name}`)).size;
  const requests = (some: readonly Case[]) => new Set(some.map((it) => `${it.way}/${it.point.step}/${it.point.template}`)).size;
  expect([pairs(chosen), requests(chosen)]).toEqual([pairs(cases), requests(cases)]);
});

describe('what is packed', () => {
  const trials = pack(cases);

  it('is every case, once, in fewer rotations', () => {
    expect(trials.flat().length).toBe(cases.length);
    expect(new Set(trials.flat())).toEqual(new Set(cases));
    expect(trials.length).toBeLessThan(cases.length);
  });

  it('meets each of them at another step, in the order of its changes', () => {
    for (const trial of trials) {
      const steps = trial.map((it) => it.point.step);
      expect(steps).toEqual([...new Set(steps)]);
      const changes = trial.map((it) => it.point.changes);
      expect(changes).toEqual([...changes].sort((a, b) => a - b));
    }
  });

  it('takes the worker away in all of its cases, or in none', () => {
    for (const trial of trials) expect(new Set(trial.map((it) => it.kind.kills)).size).toBe(1);
  });

  it('leaves alone what may be refused, and keeps apart what goes another way or is aborted elsewhere', () => {
    for (const trial of trials) {
      expect(new Set(trial.map((it) => it.way)).size).toBe(1);
      expect(new Set(trial.map((it) => it.after)).size).toBe(1);
      if (trial.length > 1) expect(trial.filter(mayBeRefused)).toEqual([]);
    }
  });
});
