/**
 * A sample of all four matrices, another one with each commit: every fault meets every kind of
 * step that it fits, and every request some fault.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, it } from 'vitest';
import type { Lane } from '../support/lane.js';
import {
  casesOfSequences,
  casesOfVendors,
  expectAllHold,
  expectDocumented,
  expectSequencesDocumented,
  recordVendorChanges,
} from './cases.js';
import { fewCasesOfIncidents, type OfIncident, recordIncidents } from './incidents.js';
import { type Lanes, startLanes, workOff } from './lanes.js';
import type { Point } from './points.js';
import { all, type Case, others, recordPoints, vendorOf } from './run.js';
import { sampleOf } from './sample.js';
import { turns, wayBack } from './way-back.js';

/**
 * The commit's hash, unless an earlier run is to be repeated; a tree without Git always has the
 * same sample.
 */
function seed(): string {
  try {
    return process.env.REKEY_MATRIX_SEED ?? execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'no commit';
  }
}

let started: Lanes;
let points: readonly Point[];
let changes: readonly Point[];
let back: readonly Case[];
let incidents: readonly OfIncident[];
beforeAll(async () => {
  started = await startLanes([...all, ...others].map(vendorOf));
  const records: readonly ((lane: Lane) => Promise<unknown>)[] = [
    async (lane) => (points = await recordPoints(lane)),
    async (lane) => (changes = await recordVendorChanges(lane)),
    async (lane) => (incidents = await recordIncidents(lane)),
  ];
  await workOff(started.lanes, records, async (lane, record) => [await record(lane)]);
  back = await workOff(started.lanes, turns(points), (lane, turn) => wayBack(lane, turn, points));
}, 600_000);
afterAll(() => started?.stop());

it('meets every crash point of both sequences that the documents name, and no other', () => expectSequencesDocumented(points));

it('meets every change at the other vendors that the documents name, and no other', () =>
  expectDocumented('Other vendors', changes));

it('meets every crash point of the way back that the documents name, and no other', () =>
  expectDocumented(
    'The way back',
    back.map((c) => c.point),
  ));

it('meets every crash point of incidents that the documents name, and no other', () =>
  expectDocumented(
    'Incidents',
    incidents.map(({ point }) => point),
  ));

it('ends converged, whatever request meets whatever fault', async () => {
  const cases = [...casesOfSequences(points), ...casesOfVendors(changes), ...back, ...fewCasesOfIncidents(incidents)];
  const chosen = sampleOf(cases, seed());
  console.log(`sample: ${chosen.length} of ${cases.length} cases; again: REKEY_MATRIX_SEED=${seed()} npm run sample`);
  await expectAllHold('sample', started.lanes, chosen, true);
}, 1_200_000);
