/**
 * A rotation that is aborted at each of its steps, and whose way back is killed at each of its
 * requests, ends as if it had never been.
 */
import { afterAll, beforeAll, it } from 'vitest';
import { expectAllHold, expectDocumented } from './cases.js';
import { type Lanes, startLanes, workOff } from './lanes.js';
import { all, type Case, recordPoints, vendorOf } from './run.js';
import { turns, wayBack } from './way-back.js';

let started: Lanes;
let cases: readonly Case[];
beforeAll(async () => {
  started = await startLanes(all.map(vendorOf));
  const points = await recordPoints(started.lanes[0]!);
  cases = await workOff(started.lanes, turns(points), (lane, turn) => wayBack(lane, turn, points));
}, 900_000);
afterAll(() => started?.stop());

it('meets every crash point that the documents name, and no other', () =>
  expectDocumented(
    'The way back',
    cases.map((c) => c.point),
  ));

it('ends compensated, from whatever step it turns back and wherever its way back is killed', async () => {
  await expectAllHold('way back', started.lanes, cases);
}, 1_800_000);
