/** Owns what a run can stand still for, and which commands end each of these waits. */
import { mayVerb, type Verb, type VerbFacts, verbs } from './verbs.js';
import { system } from './who.js';

/**
 * `settle`: requests that may still land. `quiet`: the old version to be idle. `spread`: a change
 * to be known everywhere. `bake`: the programs of a wave to show what they do. `answer`: a store or
 * host that is away. `operator`: a step that failed for good. `manual`: an effect or a hand-out
 * that a person carries out.
 */
export type WaitKind =
  | 'approval'
  | 'pause'
  | 'window'
  | 'settle'
  | 'quiet'
  | 'spread'
  | 'bake'
  | 'answer'
  | 'operator'
  | 'manual';

/** What is known of what a run stands still for, and bears on how it can end. */
export interface Held {
  /** A person may do without it. */
  readonly skips?: boolean;
  /** It could not succeed if it were repeated: what it needs is gone for good. */
  readonly hopeless?: boolean;
  /** The consumers that it is about, which a person may leave behind. */
  readonly consumers?: readonly string[];
}

/** A wait that is open, as far as a verb could answer it. */
export interface OpenWait extends Held {
  readonly kind: WaitKind;
  /** Null where only the ledger knows it: its step told of it. */
  readonly number: number | null;
}

/** Steps that stand still side by side, as one wait. */
export function joined(holds: readonly (Held & { readonly why: string })[]): Held & { readonly why: string } {
  return {
    why: [...new Set(holds.map(({ why }) => why))].join('; '),
    skips: holds.some(({ skips }) => skips),
    hopeless: holds.every(({ hopeless }) => hopeless),
    consumers: holds.flatMap(({ consumers }) => consumers ?? []),
  };
}

/** The commands that a kind of wait is ended by, the best first. */
const exits: Readonly<Record<WaitKind, readonly (Verb | 'provide')[]>> = {
  approval: ['approve', 'reject', 'abort'],
  pause: ['resume', 'abort'],
  window: ['abort'],
  settle: [],
  quiet: ['expedite', 'abort'],
  spread: ['skip', 'abort'],
  bake: ['skip', 'expedite', 'abort'],
  answer: ['abort'],
  operator: ['retry', 'skip', 'exempt', 'abort'],
  manual: ['provide', 'reject'],
};

/**
 * The commands to offer for a wait: those of its kind that are legal while it is open, and can
 * bring the run further.
 */
export function exitsOf(wait: OpenWait, facts: Omit<VerbFacts, 'waits'>): readonly (Verb | 'provide')[] {
  const here: VerbFacts = { ...facts, waits: [wait] };
  return exits[wait.kind].filter((exit) => {
    if (exit === 'provide') return true;
    if (exit === 'retry' && wait.hopeless) return false;
    const consumer = wait.consumers?.find((name) => facts.consumers.includes(name)) ?? null;
    return mayVerb(exit, here, { by: system('exits'), expectedPhase: null, wait: null, reason: null, consumer }).ok;
  });
}

/** The verbs that are legal now, for help texts. */
export function legalVerbs(facts: VerbFacts): readonly Verb[] {
  const request = { by: system('help'), expectedPhase: null, wait: null, reason: null };
  return verbs.filter((verb) => {
    const [consumer = null] = verb === 'amend' ? facts.untouched : facts.consumers;
    return mayVerb(verb, facts, { ...request, consumer }).ok;
  });
}
