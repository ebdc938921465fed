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
}

export interface RevokeRules {
  readonly evidence: Evidence;
  readonly accept: readonly AcceptedRisk[];
}

export type RevokeBlock =
  | 'management-key'
  | 'last-key'
  | 'staying-not-alive'
  | 'stale'
  | 'consumers-behind'
  | 'source-behind'
  | 'source-not-shown';

/** Observations older than this say nothing about now. */
export const freshMs = 30_000;

/**
 * Whether the version may be destroyed now; the first reason against it, in the order in which an
 * operator should hear it.
 */
export function mayRevoke(facts: RevokeFacts, rules: RevokeRules): Decision<RevokeBlock> {
  if (facts.isManagementKey) return no('management-key', 'rekey manages the store with this very key');
  if (facts.keysInStore !== null && facts.keysInStore <= facts.minimumKeys)
    return no('last-key', `the store must keep ${facts.minimumKeys}`);
  if (!facts.survivorProvedNow) return no('staying-not-alive', `generation ${facts.survivor} was not accepted just now`);

  const seen = new Map(facts.inspections.filter((i) => i.ageMs <= freshMs).map((i) => [i.consumer, i]));
  const unseen = facts.required.filter((name) => !seen.has(name));
  if (unseen.length > 0) return no('stale', `not looked at in the last ${freshMs / 1000} s: ${unseen.join(', ')}`);

  const inspections = facts.required.map((name) => seen.get(name)!);
  const behind = inspections.filter((i) => !isConverged(i, facts.survivor, rules.evidence));
  if (behind.length > 0) return no('consumers-behind', `not proved to be on generation ${facts.survivor}: ${names(behind)}`);

  const hidden = inspections.filter((i) => !i.showsSource);
  if (hidden.length > 0 && !rules.accept.includes('source-not-shown')) {
    return no('source-not-shown', `what new instances would start with cannot be seen: ${names(hidden)}`);
  }
  const stale = inspections.filter((i) => i.showsSource && i.source !== facts.survivor);
  if (stale.length > 0) return no('source-behind', `new instances would start with another version: ${names(stale)}`);
  return yes;
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
}

export type DrainBlock = 'in-grace' | 'still-used' | 'not-looked-twice' | 'no-last-used';

/**
 * Whether the old version is quiet: grace is over, and two readings of the vendor's own value, the
 * first after cutover and lag, the second at least max(grace, lag) later, are the same. Clocks of
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

  const awaitSettled = readings.filter((r) => r.at >= rules.cutoverAt + rules.lag);
  const last = awaitSettled.at(-1);
  if (!last) return no('not-looked-twice', `the store reports last use up to ${seconds(rules.lag)} late`);
  if (last.value === null) {
    if (accept.includes('no-last-used')) return yes;
    return no('no-last-used', 'the store says nothing about last use; accept no-last-used if the list of consumers is complete');
  }

  const apart = Math.max(rules.grace, rules.lag);
  const changed = awaitSettled.findLastIndex((r) => r.value !== last.value);
  const firstSame = awaitSettled[changed + 1]!;
  if (last.at - firstSame.at >= apart) return yes;
  if (changed >= 0)
    return no('still-used', `its last use moved; looked at for ${seconds(last.at - firstSame.at)} of ${seconds(apart)} since`);
  return no('not-looked-twice', `unchanged for ${seconds(last.at - firstSame.at)} of ${seconds(apart)}`);
}

/**
 * When it is worth asking `isQuiet` again, in milliseconds from now: at the moment at which it
 * could first say yes.
 */
export function nextLook(readings: readonly LastUseReading[], now: number, rules: QuietRules): number {
  const firstUseful = rules.cutoverAt + rules.lag;
  const awaitSettled = readings.filter((r) => r.at >= firstUseful);
  const last = awaitSettled.at(-1);
  if (!last) return Math.max(firstUseful - now, 0);
  const firstSame = awaitSettled[awaitSettled.findLastIndex((r) => r.value !== last.value) + 1]!;
  return Math.max(firstSame.at + Math.max(rules.grace, rules.lag) - now, rules.cutoverAt + rules.grace - now, 50);
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
