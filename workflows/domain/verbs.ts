/**
 * Owns which operator verb is legal in which phase, and why another is not: the table that the
 * update validators and the command line both ask.
 */

import type { ConsumerSpec, CredentialSpec } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import { differing } from './json.js';
import type { SaidVerb } from './records.js';
import type { Direction, Phase, Sequence } from './states.js';
import type { OpenWait, WaitKind } from './waits.js';
import type { Who } from './who.js';

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
  /** What it stands still for, as far as a verb could answer it. */
  readonly waits: readonly OpenWait[];
  readonly paused: boolean;
  /** The intent of revoke or regenerate may be out. */
  readonly crossed: boolean;
  /** Consumers may hold the new version, and there is no old secret to give them back. */
  readonly bound: boolean;
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
  | 'no-way-back'
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
  const open = facts.waits.filter((wait) => answers(verb, wait));
  // A step of closing that failed for good waits for a person like any other: without an answer it
  // would wait for ever.
  if (facts.phase === 'closing' && !open.some(({ kind }) => kind === 'operator')) return no('ending', 'the rotation is closing');
  const answered = answersWait(open, request.wait);
  switch (verb) {
    case 'approve':
      return open.length === 0 ? no('no-gate', 'it does not wait for an approval') : answered;
    case 'reject':
      if (open.length === 0) return no('no-gate', 'it waits for no approval and for nobody to do anything');
      // What a person was asked to do counts as not done; no more follows from that.
      return facts.bound && open.every(({ kind }) => kind === 'approval') ? noWayBack : answered;
    case 'pause':
      if (facts.paused) return no('paused-already', 'it is paused already');
      return window.includes(facts.phase) || (facts.sequence === 'in-place' && facts.phase === 'compensating')
        ? no('in-window', 'programs are down in this phase; it is never paused')
        : yes;
    case 'resume':
      return facts.paused ? answered : no('not-paused', 'it is not paused');
    case 'retry':
      return open.length > 0 ? answered : no('nothing-failed', 'no step waits for a retry');
    case 'skip':
      return open.length > 0 ? answered : no('not-skippable', 'it waits for nothing that could be left out');
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
      if (facts.crossed) return no('beyond-return', 'the point of no return is passed; it can only go forward');
      return facts.bound ? noWayBack : yes;
  }
}

const noWayBack = no(
  'no-way-back',
  'consumers may hold the new key, or are down, and the secret of the old one is not in the vault, or has leaked: it can only go forward',
);

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

/** The kinds of wait that a verb ends; every other verb is about the whole run. */
const kindsAnswered: Partial<Record<Verb | 'provide', readonly WaitKind[]>> = {
  approve: ['approval'],
  reject: ['approval', 'manual'],
  resume: ['pause'],
  retry: ['operator'],
  skip: ['bake', 'spread', 'operator'],
  provide: ['manual'],
};

/** Whether a verb is an answer to something that is waited for. */
export function answersWaits(verb: Verb): boolean {
  return kindsAnswered[verb] !== undefined;
}

/** Whether a verb is an answer to waits of a kind. */
export function endsKind(verb: Verb | 'provide', kind: WaitKind): boolean {
  return kindsAnswered[verb]?.includes(kind) ?? false;
}

/** Whether a verb ends a wait. */
export function answers(verb: Verb | 'provide', { kind, skips }: OpenWait): boolean {
  return endsKind(verb, kind) && (verb !== 'skip' || skips === true);
}

const isOf = (amended: ConsumerSpec | undefined, name: string): boolean => amended === undefined || amended.name === name;

/** An operator who names no wait answers the one that there is. */
function answersWait(open: readonly OpenWait[], wait: number | null): Decision<'moved-on'> {
  const isAnother = wait !== null && open.every(({ number }) => number !== null && number !== wait);
  return open.length > 0 && isAnother ? no('moved-on', 'it waits for something else now') : yes;
}

/** What the ledger knows when it has the last word on a verb. */
export interface VerbRecords {
  /** The waits that are open, the oldest first. */
  readonly waits: readonly (OpenWait & {
    readonly number: number;
    /** It was opened under the plan that the run has now. */
    readonly current: boolean;
    /** What was handed in for it is being looked at. */
    readonly lookedAt: boolean;
  })[];
  /** Why the run can only go forward, or null. */
  readonly noReturn: string | null;
  readonly direction: Direction;
}

/** What becomes of a verb: the waits that it ends, and why it has no effect where it has none. */
export interface Judgement {
  /** The wait that it answers. */
  readonly wait: number | null;
  readonly ends: readonly number[];
  readonly whyNone: string | null;
  /** It is still to take effect: a look at what was handed in, or what a person declined. */
  readonly pending: boolean;
  /** The run is to turn back, and has still to do it. */
  readonly turns: boolean;
  /** What it answers was asked under another plan, and has to be asked again. */
  readonly anew: boolean;
}

/**
 * The last word on a verb that the run took for legal: by now the wait may be over, the plan
 * another, or the way back closed.
 */
export function judge({ verb, wait }: Pick<SaidVerb, 'verb' | 'wait'>, records: VerbRecords): Judgement {
  const nothing = { wait: null, ends: [], pending: false, turns: false, anew: false } as const;
  const none = (whyNone: string): Judgement => ({ ...nothing, whyNone });
  const open = records.waits.filter((w) => answers(verb, w));
  const answered = wait === null ? open.at(-1) : open.find(({ number }) => number === wait);
  const asks = verb === 'approve' || verb === 'reject' || verb === 'retry' || verb === 'provide';
  if (!answered && (wait !== null || asks)) return none('that wait was answered before, or is over');
  const turns = verb === 'abort' || (verb === 'reject' && answered?.kind === 'approval');
  if (turns && records.direction === 'back') return none('it is going back already');
  if (turns && records.noReturn !== null) return none(records.noReturn);
  if (verb === 'approve' && !answered!.current)
    return { ...none('the plan was changed since: it is asked for again'), anew: true };
  if ((verb === 'provide' || verb === 'reject') && answered!.lookedAt) return none('another answer to it is being looked at');
  // What was handed in ends its wait only once it was taken.
  const ended = answered ? (verb === 'provide' ? [] : [answered]) : records.waits.filter(({ kind }) => isOverAfter(verb, kind));
  return {
    wait: answered?.number ?? null,
    ends: ended.map(({ number }) => number),
    whyNone: null,
    pending: turns || answered?.kind === 'manual',
    turns,
    anew: false,
  };
}

/** Waits that end as nothing is left of what they were for, although the verb answers none. */
function isOverAfter(verb: SaidVerb['verb'], kind: WaitKind): boolean {
  // A step that waits for a person because of the consumer goes on without it.
  if (verb === 'exempt') return kind === 'operator';
  // What is asked for is about another plan than the one that it is now.
  return verb === 'amend' && kind === 'approval';
}

/** Verbs after which a run turns back. */
export type TurningVerb = Extract<Verb, 'abort' | 'reject'>;

/** Why a run turned back, for people. */
export function becauseOf(verb: TurningVerb, who: Who, reason: string | null): string {
  return `${verb === 'abort' ? 'aborted' : 'rejected'} by ${who.name}${reason ? `: ${reason}` : ''}`;
}
