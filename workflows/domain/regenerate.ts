/** Decides whether the one secret of a key may be replaced now: only while no program holds it. */
import { type Decision, no, yes } from './decision.js';
import type { DatedInspection } from './observations.js';
import { freshMs, isFresh } from './revoke.js';

export type RegenerateBlock = 'stale' | 'still-running';

export function mayRegenerate(required: readonly string[], inspections: readonly DatedInspection[]): Decision<RegenerateBlock> {
  const seen = new Map(inspections.filter((i) => isFresh(i.ageMs)).map((i) => [i.consumer, i]));
  const unseen = required.filter((name) => !seen.has(name));
  if (unseen.length > 0) return no('stale', `not looked at in the last ${freshMs / 1000} s: ${unseen.join(', ')}`);
  const running = required.filter((name) => !isStopped(seen.get(name)!));
  return running.length > 0 ? no('still-running', `an instance still runs: ${running.join(', ')}`) : yes;
}

export function isStopped(inspection: Pick<DatedInspection, 'state' | 'instances'>): boolean {
  return inspection.state === 'stopped' && inspection.instances.length === 0;
}
