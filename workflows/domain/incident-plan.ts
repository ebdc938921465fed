/**
 * Decides what an incident would do before anything is begun: which keys, in which order, who would
 * be refused, and what cannot be done.
 */
import { byHand, hasRoom, noRoom } from './contain.js';
import type { LeakedKey, Selection, Way } from './incident.js';
import type { ManualEffect } from './manual.js';
import { type Outlook, outlookOf, type Surveyed } from './outlook.js';
import type { Strategy, VersionState } from './states.js';

/** A credential as the ledger shows it, with what is declared of its store. */
export interface CredentialAtHand {
  readonly name: string;
  readonly store: string;
  readonly strategy: Strategy;
  readonly labels: readonly string[];
  /** By host; of those that only the store knows, the host alone. */
  readonly consumers: readonly { readonly host: string; readonly names: readonly string[] }[];
  readonly versions: readonly { readonly generation: number; readonly state: VersionState }[];
  readonly openRun: string | null;
  /** Milliseconds that a program is given to show its key. */
  readonly confirm: number;
  /** What a person carries out at the store. */
  readonly manual: readonly ManualEffect[];
  /** What else stops working with a key of this store, in words. */
  readonly derives: string | null;
}

export interface PlannedKey extends LeakedKey {
  readonly state: VersionState;
  readonly store: string;
  readonly strategy: Strategy;
  readonly confirm: number;
  readonly consumers: CredentialAtHand['consumers'];
  readonly openRun: string | null;
  readonly derives: string | null;
  /** Consumers that are refused from the death of the key until they have the next one. */
  readonly refused: readonly string[];
  /** Why it will fail, where that is known before. */
  readonly cannot: string | null;
}

export interface PlannedIncident {
  /** Those with more consumers first: more is exposed. */
  readonly keys: readonly PlannedKey[];
  /** What was named and is nothing that the ledger knows. */
  readonly unknown: readonly string[];
}

/**
 * A key by its name alone is the one that is served; `name#generation` is that very version, and
 * `leakedAt` says by the same when it leaked, as it was reported.
 */
export function planIncident(
  known: readonly CredentialAtHand[],
  selection: readonly Selection[],
  way: Way,
  leakedAt: ReadonlyMap<string, string | null> = new Map(),
): PlannedIncident {
  const keys = new Map<string, PlannedKey>();
  const unknown: string[] = [];
  for (const { by, names } of selection)
    for (const name of names) {
      const found = known.flatMap((credential) =>
        versionsMeant(credential, by, name).map((version) => ({ credential, version })),
      );
      if (found.length === 0) unknown.push(name);
      for (const { credential, version } of found) {
        const key = `${credential.name}#${version.generation}`;
        keys.set(key, planned(credential, version, way, leakedAt.get(key) ?? null));
      }
    }
  const size = ({ consumers }: PlannedKey) => consumers.reduce((sum, { names }) => sum + names.length, 0);
  const order = (a: PlannedKey, b: PlannedKey) =>
    size(b) - size(a) || a.credential.localeCompare(b.credential) || a.generation - b.generation;
  return { keys: [...keys.values()].sort(order), unknown };
}

type Version = CredentialAtHand['versions'][number];

function versionsMeant(credential: CredentialAtHand, by: Selection['by'], name: string): readonly Version[] {
  const served = credential.versions.filter(({ state }) => state === 'active');
  switch (by) {
    case 'store':
      return credential.store === name ? served : [];
    case 'host':
      return credential.consumers.some(({ host }) => host === name) ? served : [];
    case 'label':
      return credential.labels.includes(name) ? served : [];
    default: {
      const [, plain, generation] = /^(.*?)(?:#(\d+))?$/.exec(name)!;
      if (credential.name !== plain) return [];
      return generation === undefined ? served : credential.versions.filter((v) => v.generation === Number(generation));
    }
  }
}

function planned(credential: CredentialAtHand, version: Version, way: Way, leakedAt: string | null): PlannedKey {
  const { name, store, strategy, confirm, consumers, openRun, derives } = credential;
  const isDead = version.state === 'revoked';
  const refuses = way === 'contain' && strategy === 'overlap' && version.state === 'active';
  return {
    credential: name,
    generation: version.generation,
    leakedAt,
    reportedAt: null,
    state: version.state,
    store,
    strategy,
    confirm,
    consumers,
    openRun,
    derives: isDead ? null : derives,
    refused: refuses ? consumers.flatMap(({ names }) => names) : [],
    cannot: isDead ? null : whyNot(credential, way),
  };
}

function whyNot({ strategy, store, manual }: CredentialAtHand, way: Way): string | null {
  return way === 'contain' && strategy === 'overlap' && manual.includes('revoke') ? byHand(store) : null;
}

export interface ForeseenIncident extends PlannedIncident {
  readonly stores: readonly Outlook[];
}

/** With what stores say of themselves: what there is no room for, and how long it takes. */
export function foresee(
  { keys, unknown }: PlannedIncident,
  way: Way,
  revokeWithin: number | null,
  surveyed: readonly Surveyed[],
): ForeseenIncident {
  const seen = new Map(surveyed.map((one) => [one.store, one]));
  const cannot = (key: PlannedKey): string | null => {
    const at = seen.get(key.store);
    if (key.cannot !== null || key.state === 'revoked' || key.strategy === 'in-place' || !at || 'why' in at) return key.cannot;
    return way === 'rotate' && !hasRoom(at.survey) ? `${noRoom(key.store, at.survey)}: contain it instead` : null;
  };
  // A store may have keys of both strategies, which take their time each.
  const stores = storesOf(keys).flatMap((store) =>
    (['overlap', 'in-place'] as const).flatMap((strategy) => {
      const own = keys.filter((key) => key.store === store && key.strategy === strategy && key.state !== 'revoked');
      if (own.length === 0) return [];
      const credentials = new Set(own.map(({ credential }) => credential)).size;
      const confirm = Math.max(...own.map((key) => key.confirm));
      return outlookOf({ store, way, strategy, credentials, confirm, revokeWithin }, seen.get(store));
    }),
  );
  return { keys: keys.map((key) => ({ ...key, cannot: cannot(key) })), unknown, stores };
}

/** Those at which something is to be done. */
export const storesOf = (keys: PlannedIncident['keys']): readonly string[] =>
  [...new Set(keys.filter(({ state }) => state !== 'revoked').map(({ store }) => store))].sort();
