/** Decides whether a version may be taken away for good, or disabled. */
import { type AcceptedRisk, type Evidence, evidenceRanks } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import type { DatedInspection, LastUseReading } from './observations.js';

export interface RevokeFacts {
  readonly isManagementKey: boolean;
  /** The version that is to go. */
  readonly target: number;
  /** The version that must carry everything afterwards. */
  readonly survivor: number;
  /** Null where they cannot be counted. */
  readonly keysInStore: number | null;
  readonly minimumKeys: number;
  /** The staying version was accepted by the store within this very attempt. */
  readonly survivorProvedNow: boolean;
  /** Consumers that must be on the staying version, exempt ones left out. */
  readonly required: readonly string[];
  readonly inspections: readonly DatedInspection[];
  /** What the store says of who uses the version at this very moment; null where it cannot tell. */
  readonly inUse: string | null;
}

export interface RevokeRules {
  readonly evidence: Evidence;
  readonly accept: readonly AcceptedRisk[];
  /** The moment that an incident has set is there: consumers are asked for nothing any more. */
  readonly due?: boolean;
}

export type RevokeBlock =
  | 'management-key'
  | 'last-key'
  | 'staying-not-alive'
  | 'in-use'
  | 'stale'
  | 'consumers-behind'
  | 'source-behind'
  | 'source-not-shown';

/** Observations older than this say nothing about now. */
export const freshMs = 30_000;
/** A clock that is carried on by another may run ahead by less than this, in milliseconds. */
const clockSlack = 1_000;

/**
 * Whether what was seen so long ago is still known. A look that lies ahead of now was dated by a
 * clock that was set back since: nobody knows how old it is.
 */
export function isFresh(ageMs: number): boolean {
  return ageMs >= -clockSlack && ageMs <= freshMs;
}

/**
 * Whether the version may be destroyed now; the first reason against it, in the order in which an
 * operator should hear it.
 */
export function mayRevoke(facts: RevokeFacts, rules: RevokeRules): Decision<RevokeBlock> {
  if (facts.isManagementKey) return no('management-key', 'rekey manages the store with this very key');
  if (facts.keysInStore !== null && facts.keysInStore <= facts.minimumKeys)
    return no('last-key', `the store must keep ${facts.minimumKeys}`);
  if (!facts.survivorProvedNow) return no('staying-not-alive', `generation ${facts.survivor} was not accepted just now`);

  if (rules.due) return yes;

  // Whatever was accepted: silence of such a store proves nothing, but what it says does.
  if (facts.inUse !== null) return no('in-use', `${facts.inUse}, although nobody should`);

  const seen = new Map(facts.inspections.filter((i) => isFresh(i.ageMs)).map((i) => [i.consumer, i]));
  const unseen = facts.required.filter((name) => !seen.has(name));
  if (unseen.length > 0) return no('stale', `not looked at in the last ${freshMs / 1000} s: ${unseen.join(', ')}`);

  const inspections = facts.required.map((name) => seen.get(name)!);
  const behind = inspections.filter((i) => !isConverged(i, facts.survivor, rules.evidence));
  if (behind.length > 0)
    return no('consumers-behind', `not proved (${rules.evidence}) to be on generation ${facts.survivor}: ${names(behind)}`);

  const hidden = inspections.filter((i) => !i.showsSource);
  if (hidden.length > 0 && !rules.accept.includes('source-not-shown')) {
    return no('source-not-shown', `what new instances would start with cannot be seen: ${names(hidden)}`);
  }
  const stale = inspections.filter((i) => i.showsSource && i.source !== facts.survivor);
  if (stale.length > 0) return no('source-behind', `new instances would start with another version: ${names(stale)}`);
  return yes;
}

/** Who is not proved to be on the version that stays, by what was seen of them lately. */
export function lateOf(
  { required, inspections, survivor }: Pick<RevokeFacts, 'required' | 'inspections' | 'survivor'>,
  evidence: Evidence,
): readonly string[] {
  const seen = new Map(inspections.filter((i) => isFresh(i.ageMs)).map((i) => [i.consumer, i]));
  return required.filter((name) => {
    const inspection = seen.get(name);
    const isSource = inspection && (!inspection.showsSource || inspection.source === survivor);
    return !isSource || !isConverged(inspection, survivor, evidence);
  });
}

/**
 * Whether a consumer is healthy and each of its instances is proved to be on the generation. A
 * consumer without instances proves nothing, unless it is stopped on purpose.
 */
export function isConverged(
  inspection: DatedInspection | Omit<DatedInspection, 'ageMs'>,
  generation: number,
  least: Evidence,
): boolean {
  if (!inspection.healthy || inspection.instances.length === 0) return false;
  return inspection.instances.every(
    (i) => i.generation === generation && evidenceRanks.indexOf(i.evidence) >= evidenceRanks.indexOf(least),
  );
}

export interface QuietRules {
  /** From the last confirmation, by the database's clock. */
  readonly cutoverAt: number;
  readonly grace: number;
  /** How far the store's last-used lags behind. */
  readonly lag: number;
  /** What the store says is who uses the key now, not when somebody did last; silence is nobody. */
  readonly presence: boolean;
}

export type DrainBlock = 'in-grace' | 'in-use' | 'still-used' | 'not-looked-twice' | 'no-last-used';

/**
 * Whether the old version is quiet: grace is over, and two looks at the vendor's own value, the
 * first after cutover and lag, the second at least max(grace, lag) later, show the same. Clocks of
 * two houses are never compared; elapsed time alone is never enough.
 */
export function isQuiet(
  readings: readonly LastUseReading[],
  now: number,
  rules: QuietRules,
  accept: readonly AcceptedRisk[],
): Decision<DrainBlock> {
  const graceLeft = rules.cutoverAt + rules.grace - now;
  if (graceLeft > 0) return no('in-grace', `grace lasts ${seconds(graceLeft)} more`);

  const same = sameSince(readings, rules);
  if (!same) return no('not-looked-twice', `the store reports last use up to ${seconds(rules.lag)} late`);
  const { first, last, moved } = same;
  if (rules.presence && last.value !== null) return no('in-use', `it is in use now: ${last.value}`);
  if (last.value === null) {
    if (!accept.includes('no-last-used'))
      return no(
        'no-last-used',
        'the store says nothing about last use; accept no-last-used if the list of consumers is complete',
      );
    // It never said anything. One that did has to be silent for as long as any other.
    if (!moved) return yes;
  }

  const apart = apartOf(rules);
  const looked = last === first ? 0 : last.lookedAt - first.seenBy;
  if (last !== first && looked >= apart) return yes;
  const watched = `${seconds(Math.max(looked, 0))} of ${seconds(apart)}`;
  if (moved) return no('still-used', `its last use moved; looked at for ${watched} since`);
  return no('not-looked-twice', `unchanged for ${watched}`);
}

/** Milliseconds between two looks at a key that is in use, at most. */
const presenceLook = 60_000;

/**
 * When it is worth asking `isQuiet` again, in milliseconds from now: at the moment at which it
 * could first say yes.
 */
export function nextLook(readings: readonly LastUseReading[], now: number, rules: QuietRules): number {
  const same = sameSince(readings, rules);
  if (!same) return Math.max(rules.cutoverAt + rules.lag - now, 0);
  // Silence counts from the first look that finds it.
  if (rules.presence && same.last.value !== null) return Math.min(Math.max(apartOf(rules), 50), presenceLook);
  return Math.max(same.first.seenBy + apartOf(rules) - now, rules.cutoverAt + rules.grace - now, 50);
}

/**
 * The readings that count and show what the last one does: the first and the last of them, and
 * whether another came before.
 */
function sameSince(
  readings: readonly LastUseReading[],
  { cutoverAt, lag }: QuietRules,
): { readonly first: LastUseReading; readonly last: LastUseReading; readonly moved: boolean } | null {
  const settled = readings.filter((r) => r.lookedAt >= cutoverAt + lag);
  const last = settled.at(-1);
  if (!last) return null;
  const changed = settled.findLastIndex((r) => r.value !== last.value);
  return { first: settled[changed + 1]!, last, moved: changed >= 0 };
}

/** From the end of the first look to the beginning of the last. */
function apartOf({ grace, lag }: QuietRules): number {
  return Math.max(grace, lag);
}

/** Who it is, and what the host says of it. */
export function named({ consumer, detail }: { readonly consumer: string; readonly detail: string }): string {
  return detail ? `${consumer} (${detail})` : consumer;
}

function names(inspections: readonly { consumer: string; detail: string }[]): string {
  return inspections.map(named).join(', ');
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 100) / 10} s`;
}
