/** Owns an incident in memory: what it asks for, and what has come of the keys of its worlds. */
import type { Change } from '../../../activities/ports/journal.js';
import type { CredentialSpec } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import {
  type IncidentAtHand,
  type IncidentState,
  type ItemFacts,
  incidentId,
  type Settled,
  type Urgency,
  type VersionToEnd,
  type Way,
} from '../../../workflows/domain/incident.js';
import type { RunRecord, VersionRecord } from '../../../workflows/domain/records.js';
import type { Books } from './books.js';
import type { FakeLedger } from './ledger.js';

export class FakeIncident {
  readonly urgency: Urgency;
  state: IncidentState = 'open';
  readonly settled: Settled[] = [];
  /** Versions that were seen to be dead, and credentials whose consumers are all on another. */
  readonly dead = new Set<number>();
  readonly replaced = new Set<string>();
  readonly #ledgers = new Map<FakeLedger, readonly number[]>();

  constructor(
    way: Way,
    revokeBy: string | null = null,
    readonly number = 1,
  ) {
    this.urgency = { incident: incidentId(number), way, revokeBy };
  }

  get id(): string {
    return this.urgency.incident;
  }

  names(ledger: FakeLedger, generations: readonly number[]): void {
    this.#ledgers.set(ledger, generations);
    ledger.leak(this, generations);
  }

  generationsOf(ledger: FakeLedger): readonly number[] {
    return this.#ledgers.get(ledger) ?? [];
  }

  get isOver(): boolean {
    return this.state === 'stopped' || this.state === 'closed';
  }

  /** What it asks of a run of the credential. Throws where that is nothing. */
  urgencyFor(ledger: FakeLedger): Urgency {
    if (this.state === 'open' && this.#leftOf(ledger).length > 0) return this.urgency;
    throw new RekeyError('KR_NOT_CALLED_FOR', `${this.id} asks nothing of ${ledger.credential} any more`);
  }

  round(): { incident: IncidentAtHand | null; items: ItemFacts[] } {
    if (this.isOver) return { incident: null, items: [] };
    const items = [...this.#ledgers.keys()].flatMap((ledger) =>
      this.#leftOf(ledger).map((generation) => ({
        ...ledger.leakFacts(this.id),
        generation,
        isDead: ledger.states[generation] === 'revoked',
      })),
    );
    return { incident: { ...this.urgency, paused: this.state === 'paused' }, items };
  }

  /** Throws where it has come to its end. */
  halt(to: IncidentState): void {
    if (this.isOver) throw new RekeyError('KR_VERB_ILLEGAL', `${this.id} is over`);
    this.state = to;
  }

  settle(settled: readonly Settled[]): void {
    this.settled.push(...settled);
    if ([...this.#ledgers.keys()].every((ledger) => this.#leftOf(ledger).length === 0)) this.state = 'closed';
  }

  /** Those that nothing has come of yet. */
  #leftOf(ledger: FakeLedger): readonly number[] {
    const isSettled = (generation: number) =>
      this.settled.some((s) => s.credential === ledger.credential && s.generation === generation);
    return this.generationsOf(ledger).filter((generation) => !isSettled(generation));
  }
}

/** Of a key that is dead every incident hears that names it. */
export function learn(incidents: readonly FakeIncident[], { credential, urgency }: RunRecord, changes: readonly Change[]): void {
  for (const change of changes)
    for (const incident of incidents) {
      if (change.kind === 'dead') incident.dead.add(change.generation);
      if (change.kind === 'replaced' && incident.id === urgency?.incident) incident.replaced.add(credential);
    }
}

/** Versions that live, or that the run's incident names. */
export function toEnd({ versions, incidents, row }: Books, ledger: FakeLedger): readonly VersionToEnd[] {
  const named = incidents.find(({ id }) => id === row?.urgency?.incident)?.generationsOf(ledger) ?? [];
  return versions
    .filter(({ generation, state }) => state !== 'revoked' || named.includes(generation))
    .map(({ generation, state, compromised: leaked }) => {
      const dead = incidents.some((i) => i.dead.has(generation) && i.generationsOf(ledger).includes(generation));
      return { generation, state, leaked, dead };
    });
}

export function compromised(versions: readonly VersionRecord[], generations: readonly number[]): VersionRecord[] {
  return versions.map((v) => (generations.includes(v.generation) ? { ...v, compromised: true } : v));
}

/** Of one credential, as the ledger would say to an incident. */
export function factsOf(
  spec: CredentialSpec,
  { row, versions, incidents, said, ended }: Books,
  asks: string,
): Omit<ItemFacts, 'generation' | 'isDead'> {
  const { name: credential, store, strategy } = spec;
  const isOpen = row?.outcome === null;
  const goesOn = incidents.some(({ id, isOver }) => id === row?.urgency?.incident && !isOver);
  return {
    credential,
    store,
    strategy,
    declared: true,
    isReplaced: versions.some((v) => v.state === 'active' && !v.compromised),
    open: isOpen
      ? {
          id: row.id,
          isUpdate: row.kind === 'update',
          urgency: goesOn ? row.urgency : null,
          makesLeaked: versions.some((v) => v.generation === row.generation && v.compromised),
          waitsForPerson: said.waits.some(({ ended: over, wait }) => over === null && wait.person),
          options: row.options,
        }
      : null,
    ended: ended.findLast((run) => run.incident === asks) ?? null,
  };
}
