/**
 * Owns how a workflow is recognized that will not go on by itself: whoever reaches Temporal can
 * squat its id, spoil its task or hold its activities, and none of that proves anything.
 */

/**
 * The longest pause that an activity asks for, in milliseconds. A longer one is not ours; a wait
 * for weeks is many of these, at no cost in the history.
 */
export const longestPause = 3_600_000;

/** What Temporal shows of a workflow that runs. */
export interface Shown {
  readonly workflow: string;
  readonly taskQueue: string;
  readonly paused: boolean;
  /** How often its present task was begun. */
  readonly taskAttempt: number;
  readonly activities: readonly {
    readonly paused: boolean;
    /** Milliseconds until its next attempt begins. */
    readonly nextIn: number;
  }[];
}

/** A worker that dies costs an attempt or two. */
const mostAttempts = 5;
/** Clocks differ, and a look takes its time; in milliseconds. */
const slack = 600_000;

/** Why it will not go on, for people; null where it may. */
export function whyStopped(
  { workflow, taskQueue, paused, taskAttempt, activities }: Shown,
  ours: { readonly workflows: readonly string[]; readonly taskQueue: string },
): string | null {
  if (!ours.workflows.includes(workflow) || taskQueue !== ours.taskQueue) return 'something else runs under its id';
  if (paused) return 'it was paused in Temporal';
  if (taskAttempt > mostAttempts) return `its task failed ${taskAttempt} times`;
  if (activities.some((activity) => activity.paused)) return 'one of its activities was paused in Temporal';
  return activities.some(({ nextIn }) => nextIn > longestPause + slack) ? 'one of its activities was put off' : null;
}
