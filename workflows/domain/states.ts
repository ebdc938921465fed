/**
 * Owns the states of a version, the phases and outcomes of a rotation, and which may follow which.
 * The database repeats the hardest of these as constraints.
 */
import { RekeyError } from './errors.js';

/**
 * `prepared`: made, used by nobody. `active`: the one to use. `retiring`: superseded, still
 * accepted. `disabled`: refused, can be brought back. `revoked`: gone for good.
 */
export type VersionState = 'prepared' | 'active' | 'retiring' | 'disabled' | 'revoked';

/**
 * `reinstate` is compensation giving the old version its place back; `regenerate` takes an active
 * one straight to revoked, and so does what contains a leak: it asks for no version in its place.
 */
export type VersionEvent =
  | 'activate'
  | 'supersede'
  | 'reinstate'
  | 'disable'
  | 'enable'
  | 'revoke'
  | 'regenerate'
  | 'contain-disable'
  | 'contain-revoke';

const contained = { 'contain-disable': 'disabled', 'contain-revoke': 'revoked' } as const;

export const versionTransitions: Readonly<Record<VersionState, Partial<Record<VersionEvent, VersionState>>>> = {
  prepared: { activate: 'active', revoke: 'revoked', ...contained },
  active: { supersede: 'retiring', regenerate: 'revoked', ...contained },
  retiring: { disable: 'disabled', reinstate: 'active', revoke: 'revoked', ...contained },
  disabled: { enable: 'retiring', revoke: 'revoked', 'contain-revoke': 'revoked' },
  revoked: {},
};

export type Strategy = 'overlap' | 'in-place';

/** `update` is a change of the key that leaves its secret alone. */
export type RunKind = 'rotate' | 'update';

/** The order of steps that a run follows: its credential's strategy, where it rotates. */
export type Sequence = Strategy | Exclude<RunKind, 'rotate'>;

export function sequenceOf({ kind, strategy }: { readonly kind: RunKind; readonly strategy: Strategy }): Sequence {
  return kind === 'rotate' ? strategy : kind;
}

export type Phase =
  | 'planned'
  | 'preparing'
  | 'containing'
  | 'distributing'
  | 'draining'
  | 'retiring'
  | 'undeploying'
  | 'regenerating'
  | 'updating'
  | 'deploying'
  | 'changing'
  | 'compensating'
  | 'closing';

/**
 * `refused` means that nothing was changed; `superseded`, that its key has leaked, and another run
 * follows.
 */
export type Outcome = 'completed' | 'compensated' | 'refused' | 'superseded';

/** Which way an open rotation goes: set once to `back`, and only before the point of no return. */
export type Direction = 'forward' | 'back';

/**
 * To contain a leak the key dies first, and everything else follows; in an incident nothing is
 * drained. Backward edges are there for guards that refuse: retiring and draining go back when a
 * consumer falls behind, regenerating when an instance runs, updating when somebody else changed
 * the secret, undeploying when it is no time any more to stop the first program.
 */
export const phaseTransitions: Readonly<Record<Sequence, Partial<Record<Phase, readonly Phase[]>>>> = {
  overlap: {
    planned: ['preparing', 'closing'],
    preparing: ['containing', 'distributing', 'compensating', 'closing'],
    containing: ['distributing', 'compensating'],
    distributing: ['draining', 'retiring', 'compensating'],
    draining: ['retiring', 'distributing', 'compensating'],
    retiring: ['closing', 'draining', 'distributing', 'compensating'],
    compensating: ['closing'],
    closing: [],
  },
  'in-place': {
    planned: ['preparing', 'closing'],
    preparing: ['undeploying', 'compensating', 'closing'],
    undeploying: ['regenerating', 'preparing', 'compensating'],
    regenerating: ['updating', 'undeploying', 'compensating'],
    updating: ['deploying', 'regenerating'],
    deploying: ['closing'],
    compensating: ['closing'],
    closing: [],
  },
  update: {
    planned: ['preparing', 'closing'],
    preparing: ['changing', 'compensating', 'closing'],
    changing: ['closing', 'compensating'],
    compensating: ['closing'],
    closing: [],
  },
};

/**
 * The state after `event`; an event that the state does not know is a fault of ours and changes
 * nothing.
 */
export function transition(from: VersionState, event: VersionEvent): VersionState {
  const to = versionTransitions[from][event];
  if (!to) throw new RekeyError('KR_INTERNAL', `a version that is ${from} cannot ${event}`);
  return to;
}

export function mayEnter(strategy: Sequence, from: Phase, to: Phase): boolean {
  return from === to || (phaseTransitions[strategy][from]?.includes(to) ?? false);
}
