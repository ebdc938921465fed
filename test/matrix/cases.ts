/** Owns which cases the matrices are made of, and how a list of them is run and judged. */
import { expect } from 'vitest';
import type { Lane } from '../support/lane.js';
import { faultKinds, fits } from './faults.js';
import { groups, workOff } from './lanes.js';
import { crashPointsOf, type Point } from './points.js';
import { brokenOf, casesOf as casesIn, missedOf, mostMissed, rowsOf, summary, tellBroken } from './report.js';
import { type Case, caseName, others, recordPointsOf } from './run.js';
import { pack } from './sample.js';
import { runTrials, type Trial } from './trial.js';

/** Every request of both sequences with every fault that fits it. */
export const casesOfSequences = (points: readonly Point[]): readonly Case[] => casesOf(faultKinds, points);

/** What the other vendors are asked to change, with every fault that can leave that unclear. */
export const casesOfVendors = (changes: readonly Point[]): readonly Case[] =>
  casesOf(
    faultKinds.filter((kind) => kind.changesOnly || kind.kills),
    changes,
  );

const casesOf = (kinds: typeof faultKinds, points: readonly Point[]): readonly Case[] =>
  kinds.flatMap((kind) => points.filter((point) => fits(kind, point)).map((point) => ({ kind, point })));

/** Looks, and commands of the machine, are met in the matrix of both sequences. */
export const recordVendorChanges = async (lane: Lane): Promise<readonly Point[]> =>
  (await recordPointsOf(lane, others)).filter((p) => p.method !== 'GET' && p.vendor !== 'host');

/** The page names every request of these points, and no other. */
export function expectDocumented(section: string, points: readonly Point[]): void {
  expect(crashPointsOf(points)).toEqual(rowsOf(section));
}

/** The same for a clean run, which the page tells by its sequences. */
export function expectSequencesDocumented(points: readonly Point[]): void {
  const isInPlace = (point: Point) => point.credential === 'soar/enrichment';
  expectDocumented(
    'Overlap',
    points.filter((point) => !isInPlace(point)),
  );
  expectDocumented('In place', points.filter(isInPlace));
}

/**
 * Tries the cases that `REKEY_MATRIX` names, or all, and expects the promises to hold in each.
 * `packed`: as few rotations as will do.
 */
export async function expectAllHold(what: string, lanes: readonly Lane[], cases: readonly Case[], packed = false): Promise<void> {
  const began = performance.now();
  const only = new RegExp(process.env.REKEY_MATRIX ?? '');
  const chosen = cases.filter((c) => only.test(caseName(c)));
  expect(chosen.length, 'cases that REKEY_MATRIX names').toBeGreaterThan(0);
  let done = 0;
  const trials = packed ? pack(chosen) : chosen.map((it): Trial => [it]);
  const results = await workOff(lanes, groups(trials), async (lane, group) => {
    const found = await runTrials(lane, group);
    tellBroken(found);
    const before = done;
    done += casesIn(found);
    if (Math.floor(done / 50) > Math.floor(before / 50)) console.log(`${what}: ${done} of ${chosen.length}`);
    return found;
  });
  console.log(summary(what, results, performance.now() - began));
  expect(brokenOf(results)).toEqual([]);
  expect(missedOf(results).length, missedOf(results).join()).toBeLessThanOrEqual(mostMissed(results));
  expect(casesIn(results)).toBe(chosen.length);
}
