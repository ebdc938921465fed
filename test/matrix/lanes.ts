/** Owns the installations that cases run on, side by side, and which cases run together on one. */
import { schedules } from '../../workflows/contract.js';
import { Lane } from '../support/lane.js';
import { vendorOf } from './run.js';
import { credentialOf, type Trial } from './trial.js';

/**
 * Ledgers are emptied from case to case: what the sweep has read of one must not be started in the
 * next.
 */
export async function withoutSchedules(lane: Lane): Promise<Lane> {
  for (const { id } of schedules) {
    const pause = () => lane.client.schedule.getHandle(id).pause();
    await lane.until(`${id} to rest`, () =>
      pause().then(
        () => true,
        () => false,
      ),
    );
  }
  return lane;
}

/** Installations side by side, unless `REKEY_MATRIX_LANES` says how many. */
const usual = 5;

export interface Lanes {
  readonly lanes: readonly Lane[];
  stop(): Promise<void>;
}

/** Lanes with a worker in each that is replaced when it dies. */
export async function startLanes(vendors: readonly string[]): Promise<Lanes> {
  const count = Number(process.env.REKEY_MATRIX_LANES ?? usual);
  const lanes = await Promise.all(
    Array.from({ length: count }, async () => withoutSchedules(await Lane.start([...new Set(vendors)]))),
  );
  const rests = lanes.map((lane) => lane.keepWorkerAlive());
  return {
    lanes,
    async stop() {
      for (const rest of rests) rest();
      await Promise.all(lanes.map((lane) => lane.stop()));
    },
  };
}

/**
 * Lets the lanes work off the groups, whichever is free; a group is what runs together on one lane.
 */
export async function workOff<Group, Outcome>(
  lanes: readonly Lane[],
  groups: readonly Group[],
  work: (lane: Lane, group: Group) => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const waiting = [...groups];
  const outcomes: Outcome[] = [];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) outcomes.push(...(await work(lane, group)));
    }),
  );
  return outcomes;
}

/** Rotations at once on a lane: with more of them they only wait for each other. */
const atOnce = 3;

/**
 * At most one trial of each vendor in a group, and never one that takes the worker away beside one
 * that does not. The two kinds take turns: while one waits for a worker, the machine is free for
 * the other.
 */
export function groups(trials: readonly Trial[]): readonly (readonly Trial[])[] {
  const turns = [true, false].flatMap((kills) => {
    const found = groupsOf(trials.filter(([{ kind }]) => kind.kills === kills));
    return found.map((group, index) => ({ group, turn: index / found.length }));
  });
  return turns.sort((a, b) => a.turn - b.turn).map(({ group }) => group);
}

/**
 * From the vendors with the most trials left, so that in the end none is left with trials that run
 * alone.
 */
function groupsOf(trials: readonly Trial[]): readonly (readonly Trial[])[] {
  const vendor = (trial: Trial) => vendorOf(credentialOf(trial));
  const queues = [...new Set(trials.map(vendor))].map((own) => trials.filter((trial) => vendor(trial) === own));
  const found: Trial[][] = [];
  while (queues.some((queue) => queue.length > 0)) {
    queues.sort((a, b) => b.length - a.length);
    found.push(
      queues.slice(0, atOnce).flatMap((queue) => {
        const next = queue.shift();
        return next ? [next] : [];
      }),
    );
  }
  return found;
}
