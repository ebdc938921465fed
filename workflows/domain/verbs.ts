/**
 * Owns which operator verb is legal in which phase, and why another is not: the table that the
 * update validators and the command line both ask.
 */

import type { Gate } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import type { Direction, Phase, Sequence } from './states.js';

export const verbs = ['approve', 'reject', 'pause', 'resume', 'retry', 'skip', 'exempt', 'expedite', 'abort'] as const;
export type Verb = (typeof verbs)[number];

export interface VerbRequest {
  readonly by: string;
  /** The phase that the operator saw; another one means that the world has moved on since. */
  readonly expectedPhase: Phase | null;
  readonly reason: string | null;
  /** For `exempt`. */
  readonly consumer: string | null;
}

/** What the table needs to know of an open rotation. */
export interface VerbFacts {
  readonly strategy: Sequence;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly gate: Gate | null;
  /** A person was asked to carry an effect out. */
  readonly answering: boolean;
  readonly paused: boolean;
  /** A step failed for good and waits for a person. */
  readonly waitsForOperator: boolean;
  /** The intent of revoke or regenerate may be out. */
  readonly crossed: boolean;
  readonly skippable: 'bake' | 'prove-dead' | null;
  readonly expedited: boolean;
  /** Names of the consumers that are not exempt. */
  readonly consumers: readonly string[];
}

export type VerbRefusal =
  | 'moved-on'
  | 'no-gate'
  | 'paused-already'
  | 'not-paused'
  | 'in-window'
  | 'ending'
  | 'nothing-failed'
  | 'not-skippable'
  | 'unknown-consumer'
  | 'nothing-to-expedite'
  | 'beyond-return'
  | 'going-back';

/**
 * From the first undeploy to the last deploy nothing may pause, on the way back neither: programs
 * are down.
 */
const window: readonly Phase[] = ['undeploying', 'regenerating', 'updating', 'deploying'];

export function mayVerb(verb: Verb, facts: VerbFacts, request: VerbRequest): Decision<VerbRefusal> {
  if (request.expectedPhase !== null && request.expectedPhase !== facts.phase) {
    return no('moved-on', `the rotation is ${facts.phase} now, not ${request.expectedPhase}`);
  }
  // A step of closing that failed for good waits for a person like any other: without `retry` it
  // would wait for ever.
  if (facts.phase === 'closing' && !(verb === 'retry' && facts.waitsForOperator)) return no('ending', 'the rotation is closing');
  switch (verb) {
    case 'approve':
      return facts.gate ? yes : no('no-gate', 'it does not wait for an approval');
    case 'reject':
      return facts.gate || facts.answering ? yes : no('no-gate', 'it waits for no approval and for nobody to do anything');
    case 'pause':
      if (facts.paused) return no('paused-already', 'it is paused already');
      return window.includes(facts.phase) || (facts.strategy === 'in-place' && facts.phase === 'compensating')
        ? no('in-window', 'programs are down in this phase; it is never paused')
        : yes;
    case 'resume':
      return facts.paused ? yes : no('not-paused', 'it is not paused');
    case 'retry':
      return facts.waitsForOperator ? yes : no('nothing-failed', 'no step waits for a retry');
    case 'skip':
      return facts.skippable ? yes : no('not-skippable', 'only bake and the proof of death can be skipped');
    case 'exempt':
      return request.consumer !== null && facts.consumers.includes(request.consumer)
        ? yes
        : no('unknown-consumer', `consumers that can be exempted: ${facts.consumers.join(', ') || 'none'}`);
    case 'expedite':
      return facts.strategy === 'overlap' && facts.direction === 'forward' && !facts.crossed && !facts.expedited
        ? yes
        : no('nothing-to-expedite', 'there is no bake or grace ahead that could be shortened');
    case 'abort':
      if (facts.direction === 'back') return no('going-back', 'it is going back already');
      return facts.crossed ? no('beyond-return', 'the point of no return is passed; it can only go forward') : yes;
  }
}

/** The verbs that are legal now, for help texts. */
export function legalVerbs(facts: VerbFacts): readonly Verb[] {
  return verbs.filter(
    (verb) => mayVerb(verb, facts, { by: '', expectedPhase: null, reason: null, consumer: facts.consumers[0] ?? null }).ok,
  );
}
