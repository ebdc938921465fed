/** What must hold when an effect begins, whatever held when its turn came. */
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../../workflows/domain/credential.js';
import { type Leave, type LeaveFacts, mayBegin } from '../../../workflows/domain/leave.js';
import { declared } from '../../support/declared.js';

const plain = declared('c');
const policyOf = (policy: Partial<Policy>) => ({ policy: { ...plain.policy, ...policy } });
const sunday = Date.UTC(2026, 0, 11, 2, 30);
const hour = 3_600_000;
const facts: LeaveFacts = {
  direction: 'forward',
  paused: false,
  approved: false,
  outsideWindow: false,
  urgent: false,
  halted: false,
  repeated: false,
  now: sunday,
};
const policy = { window: 'Sun 02:00-03:00 UTC', approve: ['start'] } as const;
const stop: Leave = { gate: 'start', window: true, together: true };

const asked = (leave: Leave, of: Partial<Policy>, changed: Partial<LeaveFacts>): string => {
  const decision = mayBegin(leave, policyOf(of), { ...facts, ...changed });
  return decision.ok ? 'yes' : decision.reason;
};

describe('an effect', () => {
  it.each<[string, Leave, Partial<Policy>, Partial<LeaveFacts>, string]>([
    ['begins where everything holds', stop, policy, { approved: true }, 'yes'],
    ['waits while it is paused, whatever else holds', stop, policy, { approved: true, paused: true }, 'paused'],
    ['waits for an approval of the present plan', stop, policy, {}, 'not-approved'],
    ['needs none of another gate', { gate: 'take-away' }, policy, {}, 'yes'],
    ['needs one where the step asks for it', { gate: 'start', asked: true }, {}, {}, 'not-approved'],
    ['waits for the window', stop, policy, { approved: true, now: sunday + hour }, 'outside-window'],
    ['waits for one with room', stop, { ...policy, downtime: 0.6 * hour }, { approved: true }, 'outside-window'],
    ['begins where there is room', stop, { ...policy, downtime: 0.5 * hour }, { approved: true }, 'yes'],
    ['begins outside where that was said', stop, policy, { approved: true, outsideWindow: true, now: sunday + hour }, 'yes'],
    ['that is not bound to the window begins at any time', { gate: 'take-away' }, policy, { now: sunday + hour }, 'yes'],
    ['on the way back needs neither', stop, policy, { direction: 'back', now: sunday + hour }, 'yes'],
    ['of an incident needs neither', stop, policy, { urgent: true, now: sunday + hour }, 'yes'],
    ['of an incident waits while it is paused', stop, policy, { urgent: true, paused: true }, 'paused'],
    [
      'is held up by no pause at a moment that was set',
      { gate: 'take-away', due: true },
      {},
      { urgent: true, paused: true },
      'yes',
    ],
    ['is held up by its incident', { gate: 'take-away', due: true }, {}, { urgent: true, halted: true }, 'halted'],
    ['on the way back is held up by no incident', stop, policy, { direction: 'back', urgent: true, halted: true }, 'yes'],
    ['that may have been begun goes on, whatever was said since', stop, policy, { repeated: true, paused: true }, 'yes'],
    [
      'that may have been begun is not repeated for an incident that is stopped',
      { gate: 'start', window: true },
      {},
      { repeated: true, urgent: true, halted: true },
      'halted',
    ],
    ['on the way back waits while it is paused', stop, policy, { direction: 'back', paused: true }, 'paused'],
  ])('%s', (_, leave, of, changed, answer) => expect(asked(leave, of, changed)).toBe(answer));
});
