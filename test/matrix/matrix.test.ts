/** Every request that a rotation makes, met by every fault: the promises hold in each case. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultKinds, fits } from './faults.js';
import { crashPointsOf } from './points.js';
import { brokenOf, missedOf, mostMissed, rowsOf, summary, tellBroken } from './report.js';
import { all, type Case, caseName, groups, runCases, startLanes, workOff } from './run.js';

let started: Awaited<ReturnType<typeof startLanes>>;
const began = performance.now();
beforeAll(async () => {
  started = await startLanes(Number(process.env.REKEY_MATRIX_LANES ?? 6));
}, 600_000);
afterAll(() => started?.stop());

it('meets every crash point that the documents name, and no other', () => {
  const of = (strategy: 'overlap' | 'in place') =>
    crashPointsOf(started.points.filter((p) => (p.credential === 'soar/enrichment') === (strategy === 'in place')));
  expect(of('overlap')).toEqual(rowsOf('Overlap'));
  expect(of('in place')).toEqual(rowsOf('In place'));
});

it('ends converged, whatever request meets whatever fault', async () => {
  const { lanes, points } = started;
  const only = new RegExp(process.env.REKEY_MATRIX ?? '');
  const cases = faultKinds.flatMap((kind) => points.filter((point) => fits(kind, point)).map((point): Case => ({ kind, point })));
  const chosen = cases.filter((c) => only.test(caseName(c)));
  let done = 0;
  const results = await workOff(lanes, groups(chosen, all), async (lane, group) => {
    const found = await runCases(lane, group);
    tellBroken(found);
    done += found.length;
    if (done % 50 < found.length) console.log(`${done} of ${chosen.length}`);
    return found;
  });
  console.log(summary('matrix', results, performance.now() - began));
  expect(brokenOf(results)).toEqual([]);
  expect(missedOf(results).length, missedOf(results).join()).toBeLessThanOrEqual(mostMissed(results));
  expect(results.length).toBe(chosen.length);
  expect(chosen.length).toBeGreaterThan(0);
}, 1_800_000);
