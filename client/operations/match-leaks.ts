/** Owns which versions of the ledger a report of leaked values is about, the dead ones included. */
import type { VersionState } from '../../workflows/domain/states.js';
import type { Who } from '../../workflows/domain/who.js';
import { earlier } from '../leaks/moment.js';
import type { LeakedValue, LeakReport } from '../leaks/report.js';
import type { KnownKey, LedgerView } from '../ledger/views.js';
import type { Access } from './access.js';

interface LeakedKey {
  readonly credential: string;
  readonly generation: number;
  readonly store: string;
  readonly state: VersionState;
  /** An id is no secret: that it was found says that the key is talked of, not that it is known. */
  readonly recognizedBy: 'value' | 'key-id';
  /** Where rekey knows the secret, an id alone says that the secret itself is not in the report. */
  readonly secretKnown: boolean;
  readonly leakedAt: string | null;
}

export interface LeakMatches {
  readonly live: readonly LeakedKey[];
  readonly alreadyDead: readonly LeakedKey[];
  /** Different values that are nobody's here. */
  readonly unknownValues: number;
  readonly notComparable: {
    readonly inReport: LeakReport['notComparable'];
    /** Live versions, as `credential#generation`, that could stand in the report unrecognized. */
    readonly versions: readonly string[];
  };
}

/** Small enough for a second of the database, large enough that a report is a few of them. */
const batch = 5_000;

export function matchLeaks(_who: Who, access: Access, report: LeakReport): Promise<LeakMatches> {
  return access.readLedger(async (view) => {
    const found = new Map<string, LeakedKey>();
    let unknownValues = 0;
    for (let from = 0; from < report.values.length; from += batch) {
      const values = report.values.slice(from, from + batch);
      unknownValues += await matchSome(view, values, found);
    }
    const unseen = (await view.unseenKeys()).filter((key) => !found.has(nameOf(key))).sort(inOrder);
    const keys = [...found.values()].sort(inOrder);
    return {
      live: keys.filter(({ state }) => state !== 'revoked'),
      alreadyDead: keys.filter(({ state }) => state === 'revoked'),
      unknownValues,
      notComparable: { inReport: report.notComparable, versions: unseen.map(nameOf) },
    };
  });
}

/** Adds to `found`; answers how many of the values are nobody's. */
async function matchSome(view: LedgerView, values: readonly LeakedValue[], found: Map<string, LeakedKey>): Promise<number> {
  const forms = values.flatMap((value) => value.forms);
  const keys = await view.knownKeys(
    forms.map(({ digest }) => digest),
    forms.map(({ handle }) => handle),
  );
  const byDigest = groupBy(keys, ({ digest }) => digest);
  const byHandle = groupBy(keys, ({ id_goes_on, key_id_handle }) => (id_goes_on ? null : key_id_handle));

  let unknown = 0;
  for (const { forms, leakedAt } of values) {
    const matches = forms.flatMap(({ digest, handle }) => [
      ...(byDigest.get(digest) ?? []).map((key) => leaked(key, 'value', leakedAt)),
      ...(byHandle.get(handle) ?? []).map((key) => leaked(key, key.key_id === handle ? 'value' : 'key-id', leakedAt)),
    ]);
    if (matches.length === 0) unknown += 1;
    for (const match of matches) found.set(nameOf(match), both(found.get(nameOf(match)), match));
  }
  return unknown;
}

function leaked(key: KnownKey, recognizedBy: LeakedKey['recognizedBy'], leakedAt: string | null): LeakedKey {
  const { credential, generation, store, state, digest } = key;
  return { credential, generation, store, state, recognizedBy, secretKnown: digest !== null, leakedAt };
}

/** What was recognized by its value leaked, also where its id was found before. */
function both(one: LeakedKey | undefined, other: LeakedKey): LeakedKey {
  if (!one) return other;
  const recognizedBy = one.recognizedBy === 'value' ? 'value' : other.recognizedBy;
  return { ...one, recognizedBy, leakedAt: earlier(one.leakedAt, other.leakedAt) };
}

function groupBy(keys: readonly KnownKey[], by: (key: KnownKey) => string | null): ReadonlyMap<string, readonly KnownKey[]> {
  const groups = new Map<string, KnownKey[]>();
  for (const key of keys) {
    const name = by(key);
    if (name === null) continue;
    const group = groups.get(name);
    if (group) group.push(key);
    else groups.set(name, [key]);
  }
  return groups;
}

interface Version {
  readonly credential: string;
  readonly generation: number;
}

const nameOf = ({ credential, generation }: Version): string => `${credential}#${generation}`;

const inOrder = (one: Version, other: Version): number =>
  one.credential === other.credential ? one.generation - other.generation : one.credential < other.credential ? -1 : 1;
