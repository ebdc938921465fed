/**
 * Owns the way back as a matrix: a rotation that is aborted at each of its steps, and a worker that
 * is killed at each request that follows.
 */
import { expect } from 'vitest';
import { updateRun } from '../../client/operations/update-run.js';
import { verbUpdates } from '../../workflows/contract.js';
import type { Lane } from '../support/lane.js';
import { tester } from '../support/who.js';
import { changed, faultKinds, fits } from './faults.js';
import { nameOf, type Point, pointsOf, templateOf } from './points.js';
import { asked, type Credential, lastRequest, type Placed } from './requests.js';
import { all, type Case, type Drive, freshLane } from './run.js';

/** Behind these an abort is refused, since a revoke or a regenerate may be out. */
const crossing = ['revoke', 'prove-dead', 'remove-orphans', 'regenerate', 'probe', 'deploy'];

/** Where rotations are turned back: at a request of each step before the point of no return. */
export const turns = (points: readonly Point[]): readonly Point[] => all.flatMap((credential) => turnsOf(points, credential));

function turnsOf(points: readonly Point[], credential: Credential): readonly Point[] {
  const own = points.filter((p) => p.credential === credential);
  const until = own.findIndex((p) => crossing.includes(p.step));
  const steps = [...new Set(own.slice(0, until).map((p) => p.step))];
  // The change, where the step makes one: it is in flight when the abort comes.
  return steps.map((step) => own.find((p) => p.step === step && p.method !== 'GET') ?? own.find((p) => p.step === step)!);
}

/** Holds the rotation at a request, aborts it, and lets go. */
const abortedAt =
  (turn: Point): Drive =>
  async (lane, credential, plant) => {
    const { vendor, method, path, skip, changes } = turn;
    const after = changed(credential, changes);
    const hold = { vendor, method, path, skip, after, when: 'before', action: 'hold' };
    const { id } = await lane.ask<{ id: string }>('POST', '/faults', hold);
    const handle = await lane.rotate(credential);
    await lane.until(`${credential} to be at ${turn.step}`, async () =>
      (await lane.ask<{ id: string; held: number }[]>('GET', '/faults')).some((f) => f.id === id && f.held === 1),
    );
    await plant();
    const since = await lastRequest(lane);
    const turnedAt = Date.now();
    const run = (await lane.rotation(credential))!.id;
    const abort = { run, by: tester, expectedPhase: null, wait: null, reason: 'a test', consumer: null };
    await updateRun(handle, verbUpdates.abort, abort).catch(async (error: Error) => {
      const { status } = await handle.describe();
      const end = status.name === 'RUNNING' ? null : await handle.result().catch((failed: Error) => failed);
      const texts = [error, error.cause, end, (end as Error | null)?.cause].map((e) =>
        e instanceof Error ? e.message : JSON.stringify(e),
      );
      throw new Error(`the abort failed: ${texts.join(' / ')}; ${await lane.whatIsOpen()}`);
    });
    await lane.ask('POST', `/faults/${id}/release`);
    return { handle, since, turnedAt };
  };

/**
 * The cases of one turn: turns a rotation back there, and reads from its requests what the way back
 * is. `forward`: the points of a clean run.
 */
export async function wayBack(lane: Lane, turn: Point, forward: readonly Point[]): Promise<readonly Case[]> {
  const { credential } = turn;
  await freshLane(lane, [credential]);
  const drive = abortedAt(turn);
  const { handle, since, turnedAt = 0 } = await drive(lane, credential, async () => undefined);
  await handle.result();
  const { outcome } = (await lane.rotation(credential))!;
  const ending = turn.step === 'preflight' ? 'refused' : 'compensated';
  expect([turn.step, outcome]).toEqual([turn.step, ending]);
  const kinds = faultKinds.filter((kind) => kind.kills);
  // What the step still asked until it heard of the abort is not the way back.
  const known = new Set(forward.map(nameOf));
  const mayBeForward = (r: Placed) =>
    r.window.besides.some((step) => known.has(nameOf({ step, method: r.method, template: templateOf(r) })));
  const back = (await asked(lane, credential, since)).filter((r) => r.window.from >= turnedAt && !mayBeForward(r));
  return pointsOf(credential, back).flatMap((point) =>
    kinds
      .filter((kind) => fits(kind, point))
      .map((kind) => ({ point, kind, drive, ends: [ending], way: 'on the way back', after: `aborted at ${turn.step}` })),
  );
}
