/**
 * Owns how cases are tried: rotations of several credentials at once on a lane, each of which meets
 * one case or more; a fault that missed its place is tried again.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { type Lane, sleep } from '../support/lane.js';
import { planted } from './faults.js';
import { leaksOf } from './leaks.js';
import { nameOf, type Point, pointsOf } from './points.js';
import { asked, type Credential, type Placed } from './requests.js';
import { type Begun, type Case, caseName, freshLane, fromTheStart, running, vendorOf } from './run.js';
import { type Figures, judge, judgeIncident, observed } from './world.js';

/**
 * What one rotation meets, in the order in which it comes upon it: one case, or more where they do
 * not get in each other's way.
 */
export type Trial = readonly [Case, ...Case[]];

export interface Result extends Figures {
  readonly name: string;
  /** How many cases it has shown. */
  readonly cases: number;
  readonly outcome: string;
  readonly tries: number;
  /**
   * Polls that the fault did not come upon, however often it was tried: how many there are is a
   * matter of moments.
   */
  readonly missed: readonly string[];
  readonly violations: readonly string[];
}

/** A rotation that has ended. */
interface Tried {
  readonly figures: Figures;
  readonly outcome: string;
  readonly violations: readonly string[];
  /** What the fault of each case met. */
  readonly hits: readonly (Placed | undefined)[];
  readonly seen: readonly Placed[];
}

const longest = 300_000;
const mostTries = 7;

export const credentialOf = ([{ point }]: Trial): Credential => point.credential;

/** A look before the first change that finds a host away refuses; everything else goes through. */
export const mayBeRefused = ({ point, ends }: Case): boolean =>
  ends === undefined && point.step === 'preflight' && point.vendor !== 'datadog';
const mayEnd = (it: Case): readonly string[] => it.ends ?? (mayBeRefused(it) ? ['completed', 'refused'] : ['completed']);

/**
 * Runs the trials side by side, at most one for each credential, until each fault has met the
 * request that it was meant for.
 */
export async function runTrials(lane: Lane, trials: readonly Trial[]): Promise<readonly Result[]> {
  const results: Result[] = [];
  let left = trials;
  for (let tries = 1; left.length > 0; tries++) {
    const tried = await tryOnce(lane, left);
    const again: Trial[] = [];
    for (const [index, trial] of left.entries()) {
      const { figures, outcome, hits, seen, ...one } = tried[index]!;
      const misplaced = trial.filter((it, at) => hits[at]?.window.step !== it.point.step);
      const fits = trial.every((it) => mayEnd(it).includes(outcome));
      const violations = [...one.violations];
      if (!fits && misplaced.length === 0) violations.push(`it is ${outcome}`);
      const over = misplaced.length === 0 || tries === mostTries || violations.length > 0;
      // What a rotation met that ended well is shown, whatever else it was to meet.
      const repeated = over ? [] : fits ? misplaced : trial;
      const [first, ...rest] = repeated.map((it) => (misplaced.includes(it) ? { ...it, point: placedAnew(it.point, seen) } : it));
      if (first) again.push([first, ...rest]);
      const missed = over ? misplaced : [];
      for (const it of missed.filter(({ point }) => point.which === 'only')) violations.push(`nothing met ${caseName(it)}`);
      const cases = trial.length - repeated.length;
      results.push({
        ...figures,
        name: trial.map(caseName).join(' + '),
        cases,
        outcome,
        tries,
        missed: missed.map(caseName),
        violations,
      });
    }
    left = again;
  }
  return results;
}

async function tryOnce(lane: Lane, trials: readonly Trial[]): Promise<readonly Tried[]> {
  const credentials = trials.map(credentialOf);
  const secrets = await freshLane(lane, credentials);
  const tried = await Promise.all(trials.map((trial) => rotate(lane, trial, secrets)));
  const leaks = await leaksOf(observed(lane), credentials, secrets);
  return tried.map((one) => ({ ...one, violations: [...one.violations, ...leaks] }));
}

async function rotate(lane: Lane, trial: Trial, secrets: readonly string[]): Promise<Tried> {
  const credential = credentialOf(trial);
  const before = await lane.keys(vendorOf(credential));
  const faults: string[] = [];
  const plant = async () => {
    for (const { kind, point } of trial)
      faults.push((await lane.ask<{ id: string }>('POST', '/faults', planted(kind, point, secrets))).id);
  };
  const driven = (trial[0].drive ?? fromTheStart)(lane, credential, plant);
  const [{ since, turnedAt = 0, incident, watch }, violations] = await driven.then(
    async (begun): Promise<[Omit<Begun, 'handle'>, string[]]> => [begun, await throughToEnd(lane, credential, begun.handle)],
    (error: Error): [Omit<Begun, 'handle'>, string[]] => [{ since: 0 }, [error.message]],
  );
  const outcome = (await lane.rotation(credential))?.outcome ?? 'none';
  const world = observed(lane);
  const { violations: found, ...figures } = await judge(world, credential, running[credential], before, outcome, watch);
  const ofIncident = incident ? await judgeIncident(world, credential, before, incident) : [];
  const seen = await asked(lane, credential, since);
  const hits = faults.map((fault) => seen.find((r) => r.fault === fault && r.window.from >= turnedAt));
  return { figures, outcome, violations: [...violations, ...found, ...ofIncident], hits, seen };
}

/**
 * Waits for the end; a rotation that waits for a person, or has no end in time, is a violation, and
 * is put away.
 */
async function throughToEnd(lane: Lane, credential: Credential, handle: WorkflowHandle): Promise<string[]> {
  let over = false;
  const watched = (async () => {
    for (const until = performance.now() + longest; !over && performance.now() < until; await sleep(500)) {
      // On a machine that is too busy to answer nothing is seen, and it is looked again.
      const waits = (await lane.rotation(credential).catch(() => undefined))?.waits_for;
      if (waits?.person) throw new Error(`it waits for ${waits.text}; ${await lane.whatIsOpen()}`);
    }
    if (!over) throw new Error(`it has not ended after ${longest / 1000} s: ${await lane.whatIsOpen()}`);
  })();
  try {
    await Promise.race([handle.result(), watched.then(() => handle.result())]);
    return [];
  } catch (error) {
    await handle.terminate().catch(() => undefined);
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    over = true;
    watched.catch(() => undefined);
  }
}

/** From what this very run has asked: polls are more or fewer from run to run. */
function placedAnew(point: Point, seen: readonly Placed[]): Point {
  const same = pointsOf(point.credential, seen).filter((p) => nameOf(p) === nameOf(point));
  const found = same.find((p) => p.which === point.which) ?? same.at(-1);
  return found ? { ...found, which: point.which } : { ...point, skip: Math.max(0, point.skip - 1) };
}
