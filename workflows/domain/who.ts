/** Owns who asked for something: one type wherever it is said, recorded or shown. */
import { RekeyError } from './errors.js';

/**
 * `schedule`: a clock of ours. `intake`: a report that came in. `system`: rekey itself, such as the
 * sweep, or a run that records its own step.
 */
const kinds = ['person', 'token', 'schedule', 'intake', 'system'] as const;
type WhoKind = (typeof kinds)[number];

/** What stands behind the name; with `none` it is only said. */
const proofs = ['none', 'operating-system', 'token', 'openid-connect'] as const;
type Proof = (typeof proofs)[number];

const channels = ['command-line', 'server', 'console', 'worker'] as const;
type Channel = (typeof channels)[number];

export interface Who {
  readonly kind: WhoKind;
  readonly name: string;
  readonly proof: Proof;
  readonly channel: Channel;
}

/** Throws KR_USAGE for what is nobody: asked where an order or a verb enters. */
export function requireWho(said: unknown): void {
  const { kind, name, proof, channel } = (said ?? {}) as Partial<Record<keyof Who, unknown>>;
  const isOneOf = (names: readonly unknown[], value: unknown): boolean => names.includes(value);
  const named = typeof name === 'string' && name.length <= longestName && /^[^\p{C}]+$/u.test(name);
  if (named && isOneOf(kinds, kind) && isOneOf(proofs, proof) && isOneOf(channels, channel)) return;
  throw new RekeyError('KR_USAGE', 'it does not say who asks');
}

const longestName = 200;

/** Rekey itself, by the name of what acts: a sweep, or a run's id. */
export const system = (name: string): Who => ({ kind: 'system', name, proof: 'none', channel: 'worker' });

export const schedule: Who = { kind: 'schedule', name: 'schedule', proof: 'none', channel: 'worker' };

/** What made a run begin. */
export type Trigger = 'person' | 'schedule' | 'incident' | 'sweep';

export function triggerOf({ kind }: Who): Trigger {
  const triggers: Readonly<Record<WhoKind, Trigger>> = {
    person: 'person',
    token: 'person',
    schedule: 'schedule',
    intake: 'incident',
    system: 'sweep',
  };
  return triggers[kind];
}

/** One line for people: the name, and that nothing stands behind it where it is a person's. */
export function formatWho({ kind, name, proof, channel }: Who): string {
  return kind === 'person' || kind === 'token' ? `${name} (${channel}${proof === 'none' ? ', unproved' : ''})` : name;
}
