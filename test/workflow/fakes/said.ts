/** Owns what the ledger in memory keeps of waits and of what operators said. */
import type { OpenedWait, RecordedVerb, RunRecord, SaidVerb, Wait } from '../../../workflows/domain/records.js';
import { becauseOf, judge, type TurningVerb } from '../../../workflows/domain/verbs.js';

export interface Said {
  readonly waits: { readonly number: number; wait: Wait; ended: string | null }[];
  readonly verbs: { readonly said: SaidVerb; readonly recorded: Omit<RecordedVerb, 'head'>; pending: boolean }[];
}

/** Waits of one kind and step are one as long as it is open; an approval that was given stands. */
export function openWait({ waits }: Said, wait: Wait): Omit<OpenedWait, 'head'> {
  const same = waits.filter((w) => w.wait.kind === wait.kind && w.wait.step === wait.step);
  const approved = wait.kind === 'approval' && same.find(({ ended }) => ended === 'approve');
  if (approved) return { number: approved.number, approved: true, ageMs: 0 };
  const open = same.find(({ ended }) => ended === null);
  if (open) open.wait = wait;
  const number = open?.number ?? waits.push({ number: waits.length + 1, wait, ended: null });
  return { number, approved: false, ageMs: 0 };
}

/** What a verb comes to, by the judgement of the product. */
export function recordVerb(
  { waits, verbs }: Said,
  said: SaidVerb,
  { direction }: RunRecord,
  noReturn: string | null,
): Omit<RecordedVerb, 'head'> {
  const open = waits
    .filter(({ ended }) => ended === null)
    .map(({ number, wait }) => ({
      number,
      kind: wait.kind,
      skips: wait.nextCommands.includes('skip'),
      current: true,
      lookedAt: verbs.some((v) => v.pending && v.said.verb === 'provide'),
    }));
  const { whyNone, ends, turns, anew, pending } = judge(said, { waits: open, direction, noReturn });
  for (const wait of waits) if (ends.includes(wait.number)) wait.ended = said.verb;
  // An approval is of the plan that was.
  if (said.verb === 'amend') for (const wait of waits) if (wait.ended === 'approve') wait.ended = 'over';
  const recorded = { whyNone, saidBefore: false, ends, turns, anew };
  verbs.push({ said, recorded, pending });
  return recorded;
}

/** The waits that a run comes to again under another workflow, or not at all. */
export function endPassing({ waits }: Said): void {
  for (const wait of waits) if (!['approval', 'pause', 'manual'].includes(wait.wait.kind)) wait.ended ??= 'over';
}

/** Nothing is waited for any more, and nothing that was said is still to take effect. */
export function endAll({ waits, verbs }: Said): void {
  for (const wait of waits) wait.ended ??= 'over';
  for (const verb of verbs) verb.pending = false;
}

/** Why whoever takes the run over is to turn it back. */
export function turnBackOf({ verbs }: Said): string | null {
  const turning = verbs.find(({ pending, recorded }) => pending && recorded.turns)?.said;
  return turning ? becauseOf(turning.verb as TurningVerb, turning.who, turning.reason) : null;
}
