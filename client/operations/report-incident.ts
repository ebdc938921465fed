/**
 * Owns the record of an incident: what became of each key, which programs were without one
 * meanwhile, and who decided what.
 */
import type { Who } from '../../workflows/domain/who.js';
import type { IncidentKeyShown, StepShown } from '../ledger/views.js';
import type { Access } from './access.js';
import { type IncidentDetails, showIncident } from './show-incident.js';

/** A program between the death of its key and the hand-out of the next. */
export interface Without {
  readonly consumer: string;
  readonly since: Date;
  /** Null while it has none. */
  readonly until: Date | null;
}

interface Decided {
  readonly at: Date;
  readonly credential: string;
  readonly kind: string;
  readonly who: Who;
  readonly verb: string | null;
  readonly reason: string | null;
}

export interface IncidentRecord extends Pick<IncidentDetails, 'incident'> {
  readonly keys: readonly (IncidentKeyShown & { readonly without: readonly Without[] })[];
  readonly decisions: readonly Decided[];
}

/** Events of the audit trail that say what somebody decided. */
const decisions = ['compromised', 'incident', 'hurry', 'verb'];
const mostEvents = 1_000;

export async function reportIncident(who: Who, access: Access, input: { readonly number: number }): Promise<IncidentRecord> {
  const { incident, keys } = await showIncident(who, access, input);
  return access.readLedger(async (view) => {
    const reported: IncidentRecord['keys'][number][] = [];
    for (const key of keys) {
      const run = key.run ?? key.open_run;
      reported.push({ ...key, without: run === null ? [] : withoutKey(key.generation, await view.steps(run)) });
    }
    const decided: Decided[] = [];
    for (const credential of new Set(keys.map((key) => key.credential))) {
      for (const { at, kind, who: by, body } of await view.auditTail(credential, mostEvents)) {
        const isOfIt = at >= incident.opened_at && (incident.closed_at === null || at <= incident.closed_at);
        if (!isOfIt || !decisions.includes(kind)) continue;
        const text = (value: unknown) => (typeof value === 'string' ? value : null);
        decided.push({ at, credential, kind, who: by, verb: text(body.verb ?? body.state), reason: text(body.reason) });
      }
    }
    return { incident, keys: reported, decisions: decided.sort((a, b) => a.at.getTime() - b.at.getTime()) };
  });
}

/**
 * Whoever was handed the next key after the leaked one died. A key that died once everybody was on
 * another one leaves nobody without.
 */
export function withoutKey(generation: number, steps: readonly StepShown[]): readonly Without[] {
  const ends = [`contain/${generation}`, `contain/${generation}-for-good`, `revoke/due-${generation}`];
  const since = steps.find(({ key, done }) => done && ends.includes(key))?.ended_at ?? null;
  if (since === null) return [];
  const handed = new Map<string, Date | null>();
  for (const { kind, subject, done, ended_at: at } of steps)
    if (kind === 'distribute' && subject !== null) handed.set(subject, (done && at) || handed.get(subject) || null);
  return [...handed]
    .filter(([, until]) => until === null || until > since)
    .map(([consumer, until]) => ({ consumer, since, until }))
    .sort((a, b) => a.consumer.localeCompare(b.consumer));
}
