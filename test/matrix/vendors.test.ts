/**
 * What changes something at the other vendors where keys overlap, met by every fault that can leave
 * it unclear.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { casesOfVendors, expectAllHold, expectDocumented, recordVendorChanges } from './cases.js';
import { type Lanes, startLanes } from './lanes.js';
import type { Point } from './points.js';
import { others, vendorOf } from './run.js';

let started: Lanes;
let changes: readonly Point[];
beforeAll(async () => {
  started = await startLanes(others.map(vendorOf));
  changes = await recordVendorChanges(started.lanes[0]!);
}, 600_000);
afterAll(() => started?.stop());

it('meets every change that the documents name, and no other', () => {
  expectDocumented('Other vendors', changes);
  expect(new Set(changes.map((p) => p.vendor))).toEqual(new Set(others.map(vendorOf)));
});

it('ends converged, whatever change meets whatever fault', async () => {
  await expectAllHold('other vendors', started.lanes, casesOfVendors(changes));
}, 1_200_000);
