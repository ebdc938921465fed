/**
 * Decides what can be said before keys of a store die: how full the store is, what comes first, and
 * how long it takes.
 */
import { hasRoom, replacesFirst, type StoreSwitches } from './contain.js';
import { type IncidentState, mostPerStore, type Way } from './incident.js';
import type { Strategy } from './states.js';

/** A store as a worker found it. Times are milliseconds. */
export interface StoreSurvey {
  readonly keys: number;
  readonly minKeys: number;
  readonly maxKeys: number | null;
  readonly switches: StoreSwitches;
  /** Deadline of one request, and the longest time until every endpoint knows of a change. */
  readonly request: number;
  readonly propagation: number;
}

/** `why`: there was nobody to ask, or the store did not answer. */
export type Surveyed = { readonly store: string } & ({ readonly survey: StoreSurvey } | { readonly why: string });

/** What is to be done at one store. */
export interface WorkAtStore {
  readonly store: string;
  readonly way: Way;
  readonly strategy: Strategy;
  /** Credentials whose keys die. */
  readonly credentials: number;
  /** The longest time that a program is given to show its key; milliseconds. */
  readonly confirm: number;
  readonly revokeWithin: number | null;
}

/**
 * Milliseconds, where everybody answers before its deadline and nobody waits for a person. Null
 * where the store could not be asked.
 */
export interface Outlook {
  readonly store: string;
  readonly keys: number | null;
  readonly minKeys: number | null;
  readonly maxKeys: number | null;
  /** In words. */
  readonly note: string;
  /** Until the first key is dead, and until the last one is and everybody has another. */
  readonly firstDeadWithin: number | null;
  readonly doneWithin: number | null;
  /** For which a program is refused at most. */
  readonly refusedFor: number | null;
}

/** How many requests follow each other, at most, in each part. */
const requests = { look: 3, mint: 3, kill: 3 } as const;

export function outlookOf(work: WorkAtStore, surveyed: Surveyed | undefined): Outlook {
  const { store, way, strategy, credentials, confirm, revokeWithin } = work;
  if (!surveyed || 'why' in surveyed) {
    const unknown = { keys: null, minKeys: null, maxKeys: null, firstDeadWithin: null, doneWithin: null, refusedFor: null };
    return { store, ...unknown, note: `not asked: ${surveyed?.why ?? 'no worker answered'}` };
  }
  const { survey } = surveyed;
  const { keys, minKeys, maxKeys, request, propagation } = survey;
  const first = replacesFirst(survey.switches, survey);
  const look = requests.look * request;
  const replace = requests.mint * request + propagation;
  const kill = requests.kill * request + propagation;
  const handOut = strategy === 'in-place' ? 2 * confirm : confirm;
  // What comes before the death, and what is left behind it.
  const contained = way === 'contain' && strategy === 'overlap';
  const [before, after] = contained ? (first ? [replace, handOut] : [0, replace + handOut]) : [replace + handOut, 0];
  return {
    store,
    keys,
    minKeys,
    maxKeys,
    note: noteOf(work, survey, first),
    firstDeadWithin: look + Math.min(before, revokeWithin ?? before) + kill,
    doneWithin: Math.ceil(credentials / mostPerStore) * (look + before + kill + after),
    refusedFor: after,
  };
}

function noteOf({ way, strategy }: WorkAtStore, { keys, minKeys, maxKeys, switches }: StoreSurvey, first: boolean): string {
  if (strategy === 'in-place') return 'programs are stopped, the secret is changed, they are started again';
  const fill = [minKeys > 0 && keys <= minKeys && `it must keep ${minKeys}`, !hasRoom({ keys, maxKeys }) && 'it is full'].filter(
    Boolean,
  );
  const order =
    way === 'rotate'
      ? 'another key first'
      : first
        ? 'another key is made before'
        : containOrder(switches, !hasRoom({ keys, maxKeys }));
  return [...fill, order].join('; ');
}

const containOrder = (switches: StoreSwitches, full: boolean): string =>
  full
    ? 'the leaked key goes first and makes room'
    : switches.disable
      ? 'switched off first, and deleted later'
      : 'it goes first';

/**
 * Milliseconds until an incident is over, at the pace so far; null where nothing says, or it
 * stands still. What waits for a person is left out.
 */
export function timeLeft(counts: {
  readonly selected: number;
  readonly done: number;
  readonly failed: number;
  readonly already_dead: number;
  readonly waiting: number;
  readonly age: number;
  readonly state: IncidentState;
}): number | null {
  const { selected, done, failed, already_dead: dead, waiting, age, state } = counts;
  const left = selected - done - failed - dead - waiting;
  return state !== 'open' || done + failed === 0 || left <= 0 ? null : (age / (done + failed)) * left;
}
