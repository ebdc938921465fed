/** Every request that a rotation makes, met by every fault: the promises hold in each case. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultKinds, fits } from './faults.js';
import { type Case, caseName, pairs, type Result, runCases, startLanes, workOff } from './run.js';

let started: Awaited<ReturnType<typeof startLanes>>;
beforeAll(async () => {
  started = await startLanes(4, Number(process.env.REKEY_MATRIX_LANES ?? 6));
});
afterAll(() => started?.stop());

it('ends converged, whatever request meets whatever fault', async () => {
  const { lanes, points } = started;
  const only = new RegExp(process.env.REKEY_MATRIX ?? '');
  const cases: Case[] = faultKinds.flatMap((kind) =>
    points.filter((point) => fits(kind, point)).map((point) => ({ kind, point })),
  );
  const chosen = cases.filter((c) => only.test(caseName(c)));
  console.log(
    points
      .map((p) => `${p.credential} ${p.step} ${p.method} ${p.template} ${p.which} changes ${p.changes} skip ${p.skip}`)
      .join('\n'),
  );
  const began = performance.now();
  let done = 0;
  const results = await workOff(lanes, pairs(chosen), async (lane, group) => {
    const found = await runCases(lane, group);
    done += found.length;
    for (const r of found) {
      if (r.violations.length > 0) console.log(`BROKEN ${r.name}: ${r.outcome} ${r.violations.join(' | ')}`);
    }
    if (done % 20 < 2) console.log(`${done} of ${chosen.length} after ${Math.round((performance.now() - began) / 1000)} s`);
    return found;
  });
  console.log(`tries ${results.reduce((n, r) => n + r.tries, 0)}`);
  const slow = [...results].sort((a: Result, b: Result) => b.seconds - a.seconds).slice(0, 15);
  console.log(slow.map((r) => `${r.seconds.toFixed(1)} ${r.name} ${r.outcome} ${r.tries}`).join('\n'));
  console.log(`${results.length} cases in ${Math.round((performance.now() - began) / 1000)} s`);
  expect(results.filter((r) => r.violations.length > 0).map((r) => [r.name, ...r.violations])).toEqual([]);
  expect(results.length).toBe(chosen.length);
}, 1_800_000);
