/** Owns who asked for something: one type wherever it is said, recorded or shown. */

/**
 * `schedule`: a clock of ours. `intake`: a report that came in. `system`: rekey itself, such as the
 * sweep, or a run that records its own step.
 */
type WhoKind = 'person' | 'token' | 'schedule' | 'intake' | 'system';

/** What stands behind the name; with `none` it is only said. */
type Proof = 'none' | 'operating-system' | 'token' | 'openid-connect';

type Channel = 'command-line' | 'server' | 'console' | 'worker';

export interface Who {
  readonly kind: WhoKind;
  readonly name: string;
  readonly proof: Proof;
  readonly channel: Channel;
}

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
