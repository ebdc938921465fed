/**
 * Decides whether the times of a credential's policy can hold together; the arithmetic is shown, so
 * that one sees which number to change.
 */
import type { ConsumersSpec, Policy, Rollout } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import { formatDuration } from './duration.js';
import type { Strategy } from './states.js';
import { planWaves } from './waves.js';
import { parseWindow } from './window.js';

export interface Timetable {
  readonly strategy: Strategy;
  readonly consumers: ConsumersSpec;
  readonly rollout: Rollout;
  readonly policy: Policy;
}

/** The entry of the policy that has to change. */
export type LifetimeBlock = 'every' | 'jitter' | 'downtime';

export function lifetimesHold({ policy, ...spec }: Timetable): Decision<LifetimeBlock> {
  const { every, jitter, downtime, window } = policy;
  if (every !== null) {
    const parts = shortestRotation({ policy, ...spec });
    const shortest = parts.reduce((sum, part) => sum + part.ms, 0);
    if (every <= shortest) {
      const sum = parts.map(({ text }) => text).join(' + ');
      return no(
        'every',
        `${formatDuration(every)} is not longer than a rotation at its shortest: ${sum} = ${formatDuration(shortest)}`,
      );
    }
    if (jitter >= every) return no('jitter', `${formatDuration(jitter)} is not shorter than every ${formatDuration(every)}`);
  }
  if (spec.strategy === 'in-place' && downtime !== null && window !== null) {
    const open = parseWindow(window).length * 60_000;
    // What is to fit must be told to stop a moment after the window has opened.
    if (downtime >= open)
      return no(
        'downtime',
        `${formatDuration(downtime)} does not fit into the window, which is open for ${formatDuration(open)}`,
      );
  }
  return yes;
}

/** What a rotation waits for even if nothing goes wrong and every step takes no time. */
function shortestRotation({ strategy, consumers, rollout, policy }: Timetable): readonly { ms: number; text: string }[] {
  if (strategy === 'in-place') return [part('downtime', policy.downtime ?? 0)];
  // How many `all` are is known only when the rotation is opened; there is one wave at least.
  const waves = consumers.kind === 'list' ? planWaves(consumers.list, rollout).length : consumers.kind === 'all' ? 1 : 0;
  const bake = part(`bake (${waves} × ${formatDuration(rollout.bake)})`, waves * rollout.bake);
  return [bake, part('grace', policy.grace), part('soak', policy.soak)];
}

function part(name: string, ms: number): { ms: number; text: string } {
  return { ms, text: `${formatDuration(ms)} ${name}` };
}
