/** Which workflow will not go on by itself; one that only waits is left alone. */
import { expect, it } from 'vitest';
import { longestPause, type Shown, whyStopped } from '../../../workflows/domain/watch.js';

const ours = { workflows: ['rotateOverlap', 'rotateInPlace'], taskQueue: 'rekey' };
const waits: Shown = {
  workflow: 'rotateOverlap',
  taskQueue: 'rekey',
  paused: false,
  taskAttempt: 2,
  activities: [{ paused: false, nextIn: longestPause }],
};

it('leaves alone what waits, however long, and what has lost a worker', () => {
  expect(whyStopped(waits, ours)).toBeNull();
  expect(whyStopped({ ...waits, activities: [] }, ours)).toBeNull();
});

it.each<[string, Partial<Shown>]>([
  ['something else runs under its id', { workflow: 'somebody' }],
  ['something else runs under its id', { taskQueue: 'elsewhere' }],
  ['it was paused in Temporal', { paused: true }],
  ['its task failed 6 times', { taskAttempt: 6 }],
  ['one of its activities was paused in Temporal', { activities: [{ paused: true, nextIn: 0 }] }],
  ['one of its activities was put off', { activities: [...waits.activities, { paused: false, nextIn: 31_536_000_000 }] }],
])('%s', (why, stopped) => {
  expect(whyStopped({ ...waits, ...stopped }, ours)).toBe(why);
});
