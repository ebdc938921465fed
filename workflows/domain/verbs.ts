/**
 * Owns which operator verb is legal in which phase, and why another is not: the table that the
 * update validators and the command line both ask.
 */

import type { ConsumerSpec, CredentialSpec, Gate } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import { differing } from './json.js';
import type { Direction, Phase, Sequence } from './states.js';
import { system, type Who } from './who.js';

export const verbs = ['approve', 'reject', 'pause', 'resume', 'retry', 'skip', 'exempt', 'amend', 'expedite', 'abort'] as const;
export type Verb = (typeof verbs)[number];

export interface VerbRequest {
  readonly by: Who;
  /** The phase that the operator saw; another one means that the world has moved on since. */
  readonly expectedPhase: Phase | null;
  /** The wait that the operator saw, by its number; an answer to it is none to the next. */
  readonly wait: number | null;
  readonly reason: string | null;
  /** For `exempt` and `amend`. */
  readonly consumer: string | null;
  /** For `amend`: how it is declared now. */
  readonly amended?: ConsumerSpec;
}

/** What the table needs to know of an open rotation. */
export interface VerbFacts {
  readonly sequence: Sequence;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly gate: Gate | null;
  /** The number of the wait at the gate. */
  readonly wait: number | null;
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
  /** Of those, the ones that were handed nothing and not stopped. */
  readonly untouched: readonly string[];
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
      if (!facts.gate) return no('no-gate', 'it does not wait for an approval');
      return answers(facts.wait, request) ? yes : no('moved-on', 'it waits for another approval now');
    case 'reject':
      if (!facts.gate) return facts.answering ? yes : no('no-gate', 'it waits for no approval and for nobody to do anything');
      return answers(facts.wait, request) ? yes : no('moved-on', 'it waits for another approval now');
    case 'pause':
      if (facts.paused) return no('paused-already', 'it is paused already');
      return window.includes(facts.phase) || (facts.sequence === 'in-place' && facts.phase === 'compensating')
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
    case 'amend':
      if (facts.direction === 'back') return no('going-back', 'it is going back, to those who were handed something');
      return request.consumer !== null && facts.untouched.includes(request.consumer) && isOf(request.amended, request.consumer)
        ? yes
        : no('unknown-consumer', `consumers that can be corrected: ${facts.untouched.join(', ') || 'none'}`);
    case 'expedite':
      return facts.sequence === 'overlap' && facts.direction === 'forward' && !facts.crossed && !facts.expedited
        ? yes
        : no('nothing-to-expedite', 'there is no bake or grace ahead that could be shortened');
    case 'abort':
      if (facts.direction === 'back') return no('going-back', 'it is going back already');
      return facts.crossed ? no('beyond-return', 'the point of no return is passed; it can only go forward') : yes;
  }
}

export type AmendRefusal = 'unknown-consumer' | 'touched' | 'another-consumer' | 'nothing-to-amend';

/**
 * Whether a consumer may be corrected under an open run: only while nothing was done to it, so that
 * what is handed out, looked at and taken back is one program. Its machine is asked who it is.
 */
export function mayAmend(
  { was, touched }: { readonly was: ConsumerSpec | null; readonly touched: boolean },
  amended: ConsumerSpec,
): Decision<AmendRefusal> {
  if (!was) return no('unknown-consumer', `${amended.name} is none of its consumers`);
  if (touched) return no('touched', `${was.name} was handed something or stopped already: abort, or exempt it`);
  if (was.host !== amended.host) return no('another-consumer', `${was.name} is on ${was.host}; on ${amended.host} it is another`);
  if (differing(was.settings, amended.settings).length === 0) return no('nothing-to-amend', `${was.name} is declared so already`);
  return yes;
}

/** A plan with one consumer as it is declared now; that is what `apply` is held against, too. */
export function withConsumer(
  { spec, targets }: { readonly spec: CredentialSpec; readonly targets: readonly ConsumerSpec[] },
  amended: ConsumerSpec,
): { readonly spec: CredentialSpec; readonly targets: readonly ConsumerSpec[] } {
  const replaced = (list: readonly ConsumerSpec[]) => list.map((one) => (one.name === amended.name ? amended : one));
  const { consumers } = spec;
  const declared = consumers.kind === 'list' ? { ...consumers, list: replaced(consumers.list) } : consumers;
  return { spec: { ...spec, consumers: declared }, targets: replaced(targets) };
}

/** The verbs that are legal now, for help texts. */
export function legalVerbs(facts: VerbFacts): readonly Verb[] {
  return verbs.filter(
    (verb) =>
      mayVerb(verb, facts, {
        by: system('help'),
        expectedPhase: null,
        wait: null,
        reason: null,
        consumer: (verb === 'amend' ? facts.untouched : facts.consumers)[0] ?? null,
      }).ok,
  );
}

const isOf = (amended: ConsumerSpec | undefined, name: string): boolean => amended === undefined || amended.name === name;

/** An operator who names no wait answers the one that there is. */
function answers(wait: number | null, request: VerbRequest): boolean {
  return request.wait === null || request.wait === wait;
}

/** Verbs that answer the approval a run waits for. */
export function answersApproval(verb: Verb): boolean {
  return verb === 'approve' || verb === 'reject';
}

/** Verbs after which a run turns back. */
export type TurningVerb = Extract<Verb, 'abort' | 'reject'>;

/** Why a run turned back, for people. */
export function becauseOf(verb: TurningVerb, who: Who, reason: string | null): string {
  return `${verb === 'abort' ? 'aborted' : 'rejected'} by ${who.name}${reason ? `: ${reason}` : ''}`;
}
