/** A rotation that is aborted at each of its steps, and whose way back is killed at each of its requests, ends as if it had never been. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lane } from '../support/lane.js';
import { changed, faultKinds, fits } from './faults.js';
import {
  asked,
  type Credential,
  crashPointsOf,
  lastRequest,
  nameOf,
  type Placed,
  type Point,
  pointsOf,
  templateOf,
} from './points.js';
import { brokenOf, missedOf, mostMissed, rowsOf, summary, tellBroken } from './report.js';
import { all, type Case, caseName, type Drive, freshLane, groups, runCases, startLanes, workOff } from './run.js';

const began = performance.now();
let started: Awaited<ReturnType<typeof startLanes>>;
beforeAll(async () => {
  started = await startLanes(Number(process.env.REKEY_MATRIX_LANES ?? 6));
}, 600_000);
afterAll(() => started?.stop());

/** Behind these an abort is refused, since a revoke or a regenerate may be out. */
const beyond = ['revoke', 'prove-dead', 'remove-strays', 'regenerate', 'probe', 'deploy'];
const turns = (points: readonly Point[], credential: Credential): readonly Point[] => {
  const own = points.filter((p) => p.credential === credential);
  const until = own.findIndex((p) => beyond.includes(p.step));
  const steps = [...new Set(own.slice(0, until).map((p) => p.step))];
  // The change, where the step makes one: it is in flight when the abort comes.
  return steps.map((step) => own.find((p) => p.step === step && p.method !== 'GET') ?? own.find((p) => p.step === step)!);
};

/** Holds the rotation at a request, aborts it, and lets go. */
const abortedAt =
  (turn: Point): Drive =>
  async (lane, credential, plant) => {
    const { vendor, method, path, skip, changes } = turn;
    const after = changed(credential, changes);
    const hold = { vendor, method, path, skip, after, when: 'before', action: 'hold' };
    const { id } = await lane.ask<{ id: string }>('POST', '/faults', hold);
    const handle = await lane.rotate(credential);
    await lane.until(`${credential} to be at ${turn.step}`, 120_000, async () =>
      (await lane.ask<{ id: string; held: number }[]>('GET', '/faults')).some((f) => f.id === id && f.held === 1),
    );
    await plant();
    const since = await lastRequest(lane);
    const turnedAt = Date.now();
    const abort = { by: 'test', expectedPhase: null, reason: 'a test', consumer: null };
    await handle.executeUpdate('abort', { args: [abort] }).catch(async (error: Error) => {
      const run = await handle.describe();
      const end = run.status.name === 'RUNNING' ? null : await handle.result().catch((failed: Error) => failed);
      const texts = [error, error.cause, end, (end as Error | null)?.cause].map((e) =>
        e instanceof Error ? e.message : JSON.stringify(e),
      );
      throw new Error(`the abort failed: ${texts.join(' / ')}; ${await lane.whatIsOpen()}`);
    });
    await lane.ask('POST', `/faults/${id}/release`);
    return { handle, since, turnedAt };
  };

async function wayBack(lane: Lane, turn: Point): Promise<readonly Case[]> {
  const { credential } = turn;
  await freshLane(lane, [credential]);
  const drive = abortedAt(turn);
  const { handle, since, turnedAt = 0 } = await drive(lane, credential, async () => undefined);
  await handle.result();
  const { outcome } = (await lane.rotation(credential))!;
  const changed = turn.step === 'preflight' ? 'refused' : 'compensated';
  expect([turn.step, outcome]).toEqual([turn.step, changed]);
  const kinds = faultKinds.filter((kind) => kind.kills);
  // What the step still asked until it heard of the abort is not the way back.
  const forward = new Set(started.points.map(nameOf));
  const mayBeForward = (r: Placed) =>
    r.window.besides.some((step) => forward.has(nameOf({ step, method: r.method, template: templateOf(r) })));
  const back = (await asked(lane, credential, since)).filter((r) => r.window.from >= turnedAt && !mayBeForward(r));
  return pointsOf(credential, back).flatMap((point) =>
    kinds
      .filter((kind) => fits(kind, point))
      .map((kind) => ({ point, kind, drive, ends: [changed], after: `aborted at ${turn.step}` })),
  );
}

it('ends compensated, from whatever step it turns back and wherever its way back is killed', async () => {
  const { lanes, points } = started;
  const turned = all.flatMap((credential) => turns(points, credential));
  const cases = await workOff(lanes, turned, wayBack);
  expect(crashPointsOf(cases.map((c) => c.point))).toEqual(rowsOf('The way back'));
  const only = new RegExp(process.env.REKEY_MATRIX ?? '');
  const chosen = cases.filter((c) => only.test(caseName(c)));
  const results = await workOff(lanes, groups(chosen, all), async (lane, group) => {
    const found = await runCases(lane, group);
    tellBroken(found);
    return found;
  });
  console.log(summary(`compensation from ${turned.length} steps`, results, performance.now() - began));
  expect(brokenOf(results)).toEqual([]);
  expect(missedOf(results).length, missedOf(results).join()).toBeLessThanOrEqual(mostMissed(results));
  expect(results.length).toBe(chosen.length);
  expect(chosen.length).toBeGreaterThan(0);
}, 1_800_000);
