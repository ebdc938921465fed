/** Every request that a rotation makes, met by every fault: the promises hold in each case. */
import { afterAll, beforeAll, it } from 'vitest';
import { casesOfSequences, expectAllHold, expectSequencesDocumented } from './cases.js';
import { type Lanes, startLanes } from './lanes.js';
import type { Point } from './points.js';
import { all, recordPoints, vendorOf } from './run.js';

let started: Lanes;
let points: readonly Point[];
beforeAll(async () => {
  started = await startLanes(all.map(vendorOf));
  points = await recordPoints(started.lanes[0]!);
}, 600_000);
afterAll(() => started?.stop());

it('meets every crash point that the documents name, and no other', () => expectSequencesDocumented(points));

it('ends converged, whatever request meets whatever fault', async () => {
  await expectAllHold('matrix', started.lanes, casesOfSequences(points));
}, 1_800_000);
