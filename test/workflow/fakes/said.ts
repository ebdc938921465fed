/** Owns what the ledger in memory keeps of waits and of what operators said. */
import type { Crossing, OpenedWait, SaidVerb, Wait } from '../../../workflows/domain/records.js';
import { becauseOf, type TurningVerb } from '../../../workflows/domain/verbs.js';

export interface Said {
  readonly waits: { readonly wait: Wait; approved: boolean; replanned?: true }[];
  readonly verbs: { readonly said: SaidVerb; readonly whyNone: string | null; pending: boolean }[];
}

/** An approval is asked for once under its name; every other wait is a new one here. */
export function openWait({ waits }: Said, wait: Wait): Omit<OpenedWait, 'head'> {
  const same = waits.findIndex(
    (w) => wait.kind === 'approval' && w.wait.kind === 'approval' && w.wait.step === wait.step && !w.replanned,
  );
  if (same >= 0) return { number: same, approved: waits[same]!.approved, ageMs: 0 };
  return { number: waits.push({ wait, approved: false }) - 1, approved: false, ageMs: 0 };
}

/** Why the verb has no effect; null where it has one. */
export function recordVerb({ waits, verbs }: Said, said: SaidVerb, crossing: Crossing | null): string | null {
  const { verb, wait } = said;
  const answered = verb === 'approve' && waits[wait!]!.approved;
  const beyond = verb === 'abort' && crossing ? `${crossing.key} may have been sent` : null;
  const whyNone = answered ? 'that approval was answered before' : beyond;
  if (verb === 'approve') waits[wait!]!.approved = true;
  if (verb === 'amend') for (const each of waits) each.replanned = true;
  const turns = verb === 'abort' || (verb === 'reject' && wait !== null);
  verbs.push({ said, whyNone, pending: whyNone === null && (turns || verb === 'provide') });
  return whyNone;
}

/** Why whoever takes the run over is to turn it back. */
export function turnBackOf({ verbs }: Said): string | null {
  const turning = verbs.find(({ pending, said }) => pending && said.verb !== 'provide')?.said;
  return turning ? becauseOf(turning.verb as TurningVerb, turning.who, turning.reason) : null;
}
