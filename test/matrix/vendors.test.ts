/** What changes something at the other vendors where keys overlap, met by every fault that can leave it unclear. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultKinds, fits } from './faults.js';
import { crashPointsOf } from './points.js';
import { brokenOf, missedOf, mostMissed, rowsOf, summary, tellBroken } from './report.js';
import { type Case, caseName, groups, others, recordPointsOf, runCases, startLanes, vendorOf, workOff } from './run.js';

let started: Awaited<ReturnType<typeof startLanes>>;
const began = performance.now();
beforeAll(async () => {
  started = await startLanes(4, others, async (lane) =>
    // Looks, and commands of the machine, are met in the matrix of both sequences.
    (await recordPointsOf(lane, others)).filter((p) => p.method !== 'GET' && p.vendor !== 'host'),
  );
}, 600_000);
afterAll(() => started?.stop());

it('meets every change that the documents name, and no other', () => {
  expect(crashPointsOf(started.points)).toEqual(rowsOf('Other vendors'));
});

it('ends converged, whatever change meets whatever fault', async () => {
  const { lanes, points } = started;
  const only = new RegExp(process.env.REKEY_MATRIX ?? '');
  const unclear = faultKinds.filter((kind) => kind.changesOnly || kind.kills);
  const cases = unclear.flatMap((kind) => points.filter((point) => fits(kind, point)).map((point): Case => ({ kind, point })));
  const chosen = cases.filter((c) => only.test(caseName(c)));
  const results = await workOff(lanes, groups(chosen, others), async (lane, group) => {
    const found = await runCases(lane, group);
    tellBroken(found);
    return found;
  });
  console.log(summary('other vendors', results, performance.now() - began));
  expect(brokenOf(results)).toEqual([]);
  expect(missedOf(results).length, missedOf(results).join()).toBeLessThanOrEqual(mostMissed(results));
  expect(results.length).toBe(chosen.length);
  expect(new Set(points.map((p) => p.vendor))).toEqual(new Set(others.map(vendorOf)));
}, 1_200_000);
