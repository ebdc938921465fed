/**
 * Decides whether an effect may begin at this very moment: what a run has waited for before may
 * have changed since.
 */
import type { CredentialSpec, Gate } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import type { Direction } from './states.js';
import { inWindow } from './window.js';

/** What an effect asks for besides its guard; nothing pauses a run behind what was begun. */
export interface Leave {
  /** The gate that it lies behind. */
  readonly gate: Gate;
  /** Somebody has to approve, whatever the policy says. */
  readonly asked?: boolean;
  /** It is begun inside the window alone. */
  readonly window?: boolean;
  /** The moment that an incident has set is there: no pause of the run holds it up. */
  readonly due?: boolean;
  /** All steps of its kind are one: once one of them was begun, the others follow. */
  readonly together?: boolean;
}

/** The run as the ledger has it now. */
export interface LeaveFacts {
  readonly direction: Direction;
  readonly paused: boolean;
  /** The gate was approved, for this round and under the present plan. */
  readonly approved: boolean;
  readonly outsideWindow: boolean;
  /** Its incident is paused or stopped, and nothing of it is beyond return. */
  readonly halted: boolean;
  /** An attempt before this one may have done it. */
  readonly repeated: boolean;
  /** An incident asks for it: what was confirmed is its plan, and nothing waits for a window. */
  readonly urgent: boolean;
  /** Milliseconds, by the database's clock. */
  readonly now: number;
}

export function mayBegin(
  { gate, asked, window, due }: Leave,
  { policy }: Pick<CredentialSpec, 'policy'>,
  facts: LeaveFacts,
): Decision<'paused' | 'halted' | 'not-approved' | 'outside-window'> {
  const halted = facts.halted && facts.direction === 'forward';
  // Nobody stops half-way what may have been begun, but an incident: what is left is found later.
  if (facts.repeated && !halted) return yes;
  if (facts.paused && !due) return no('paused', 'an operator has paused it');
  // What was agreed to, and when, was the way forward.
  if (facts.direction === 'back') return yes;
  if (halted) return no('halted', 'its incident is paused or stopped');
  if (facts.urgent) return yes;
  if ((asked || policy.approve.includes(gate)) && !facts.approved)
    return no('not-approved', `nobody has approved it as it is planned now (${gate})`);
  if (window && policy.window !== null && !facts.outsideWindow && !inWindow(policy.window, new Date(facts.now), roomOf(policy)))
    return no('outside-window', `its window ${policy.window} is closed, or too little of it is left`);
  return yes;
}

/** What must be left of a window, in milliseconds: programs are to be up again before it closes. */
export function roomOf({ downtime }: CredentialSpec['policy']): number {
  return downtime ?? 0;
}

/** By this key an approval is asked for, and looked for. */
export function approvalKey(gate: Gate, round: number): string {
  return `approve/${gate}/${gate === 'start' ? 1 : round}`;
}
