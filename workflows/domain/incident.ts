/**
 * Owns what an incident is: why keys have to die, which of them, how, and what becomes of each.
 */
import type { Evidence, RunOptions } from './credential.js';
import type { Order } from './records.js';
import type { Sequence, Strategy, VersionState } from './states.js';
import type { Who } from './who.js';

/**
 * `rotate`: everybody is on another key before the leaked one goes. `contain`: the leaked one goes
 * at once, whoever is refused until the replacement has arrived.
 */
export const ways = ['rotate', 'contain'] as const;
export type Way = (typeof ways)[number];

/** `stopped`: nothing more is begun. */
export type IncidentState = 'open' | 'paused' | 'stopped' | 'closed';

/** What is said to an incident: `open` goes on after a pause. */
export interface HaltRequest {
  readonly incident: string;
  readonly to: Exclude<IncidentState, 'closed'>;
  readonly by: Who;
  readonly reason: string | null;
}

/** What an incident asks of a run. */
export interface Urgency {
  readonly incident: string;
  readonly way: Way;
  /** ISO time by which the leaked key dies, whoever has not confirmed by then. */
  readonly revokeBy: string | null;
}

/**
 * The weakest evidence that lets the old version go. In an incident the process itself has to show
 * the other one: that is in the place of all waiting for quiet.
 */
export function evidenceFor(urgency: Urgency | null, declared: Evidence): Evidence {
  return urgency === null ? declared : 'uses';
}

/** A version that is to go: it has leaked, or it lives beside the one that is to stay. */
export interface VersionToEnd {
  readonly generation: number;
  readonly leaked: boolean;
  readonly state: VersionState;
  /** Every endpoint was seen to refuse it. */
  readonly dead: boolean;
}

/** How keys were chosen, in the words of whoever chose them; never a value. */
export interface Selection {
  readonly by: 'key' | 'store' | 'host' | 'label' | 'list' | 'leaked';
  readonly names: readonly string[];
}

/** A key of which somebody says that it has leaked. */
export interface LeakedKey {
  readonly credential: string;
  readonly generation: number;
  /** ISO times, as they were reported; null where nobody knows. */
  readonly leakedAt: string | null;
  readonly reportedAt: string | null;
}

/** What a report held besides keys of ours. */
export interface FoundCounts {
  readonly unknownValues: number;
  readonly notComparable: number;
}

/** What is confirmed by whoever opens an incident. */
export interface IncidentPlan {
  readonly way: Way;
  readonly reason: string;
  /** Milliseconds from now on. */
  readonly revokeWithin: number | null;
  readonly selection: readonly Selection[];
  readonly found: FoundCounts;
  /** In the order in which they are begun. */
  readonly keys: readonly LeakedKey[];
}

export interface OpenIncidentRequest extends Order {
  readonly number: number;
  readonly plan: IncidentPlan;
  readonly by: Who;
}

export const incidentId = (number: number): string => `incident-${number}`;

/** `already-dead`: it was gone before anything was begun. */
export type ItemOutcome = 'done' | 'failed' | 'already-dead';

/** An open run of a leaked key's credential, as far as an incident has to know it. */
export interface RunAtHand {
  readonly id: string;
  /** Whether it changes a key and makes none. */
  readonly isUpdate: boolean;
  /** What it was told by an incident; null: it knows of none. */
  readonly urgency: Urgency | null;
  /** The version that it makes has leaked, too. */
  readonly makesLeaked: boolean;
  readonly waitsForPerson: boolean;
  /** What it was opened with: by the same it is taken over. */
  readonly options: RunOptions;
}

/** A leaked key that nothing has come of yet. */
export interface ItemFacts {
  readonly credential: string;
  readonly generation: number;
  readonly store: string;
  readonly strategy: Strategy;
  readonly declared: boolean;
  /** The key is gone for good. */
  readonly isDead: boolean;
  /** Another key of the credential is the one to use, and has not leaked. */
  readonly isReplaced: boolean;
  readonly open: RunAtHand | null;
  /** The last run of this incident for the credential that has ended. */
  readonly ended: {
    readonly id: string;
    readonly outcome: string;
    readonly reason: string | null;
  } | null;
}

/** An incident as whoever carries it on finds it. */
export interface IncidentAtHand {
  readonly incident: string;
  readonly way: Way;
  readonly paused: boolean;
}

/** What the incident does next about one credential. */
export interface NextRun {
  readonly credential: string;
  readonly sequence: Sequence;
}

/** A run that is open already. */
interface ToldRun extends NextRun {
  readonly options: RunOptions;
}

export interface Settled {
  readonly credential: string;
  readonly generation: number;
  readonly outcome: ItemOutcome;
  readonly reason: string | null;
  readonly run: string | null;
}

export interface Round {
  /** Runs to be begun now. */
  readonly begin: readonly NextRun[];
  /** Open runs that know nothing of the leak, or of how urgent it has become. */
  readonly tell: readonly ToldRun[];
  readonly settled: readonly Settled[];
}

/** How many runs are open at one store at once; those that wait for a person do not count. */
export const mostPerStore = 5;

/**
 * What is done next, in the order of the keys. `failures`: credentials whose run could not be
 * begun, and why.
 */
export function nextRound(
  incident: IncidentAtHand,
  items: readonly ItemFacts[],
  failures: Readonly<Record<string, string>>,
): Round {
  const settled = items.flatMap((item) => settledNow(item, failures[item.credential] ?? null) ?? []);
  const isSettled = (item: ItemFacts) =>
    settled.some((s) => s.credential === item.credential && s.generation === item.generation);
  const left = [...new Map(items.filter((item) => !isSettled(item)).map((item) => [item.credential, item])).values()];
  if (incident.paused) return { begin: [], tell: [], settled };
  const running = new Map<string, number>();
  const count = (store: string) => running.set(store, (running.get(store) ?? 0) + 1);
  for (const { open, store } of left) if (open && !open.waitsForPerson) count(store);
  const begin: NextRun[] = [];
  for (const { credential, strategy, store, open } of left) {
    if (open || (running.get(store) ?? 0) >= mostPerStore) continue;
    count(store);
    begin.push({ credential, sequence: strategy });
  }
  const tell = left.flatMap(({ credential, strategy, open }) =>
    open && !isTold(incident, open)
      ? [{ credential, sequence: open.isUpdate ? ('update' as const) : strategy, options: open.options }]
      : [],
  );
  return { begin, tell, settled };
}

/** A change of a key, too, is told: it may wait for a person, and makes no other one. */
function isTold({ incident, way }: IncidentAtHand, { isUpdate, urgency, makesLeaked }: RunAtHand): boolean {
  if (urgency?.incident === incident) return true;
  return urgency !== null && !isUpdate && !makesLeaked && (urgency.way === 'contain' || way === 'rotate');
}

function settledNow(
  { credential, generation, declared, isDead, isReplaced, open, ended }: ItemFacts,
  failure: string | null,
): Settled | null {
  const settled = (outcome: ItemOutcome, reason: string | null) => ({
    credential,
    generation,
    outcome,
    reason,
    run: ended?.id ?? null,
  });
  // Its run hands out what replaces it, and proves that it is dead.
  if (open) return null;
  // One that was superseded has put nothing in its place.
  const isAnswered = isReplaced || ended?.outcome !== 'superseded';
  if (isDead && isAnswered) return ended ? settled('done', ended.reason) : settled('already-dead', null);
  if (!declared) return settled('failed', 'it is not declared any more');
  if (failure !== null) return settled('failed', failure);
  // One that completed has left a key that is leaked, too, or was not told: another run follows.
  if (ended === null || ended.outcome === 'completed' || ended.outcome === 'superseded') return null;
  return settled('failed', ended.reason ?? `its run was ${ended.outcome}`);
}
