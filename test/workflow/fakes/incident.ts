/** Owns an incident in memory: what it asks for, and what has come of the keys of its worlds. */
import type { Change } from '../../../activities/ports/journal.js';
import type { CredentialSpec } from '../../../workflows/domain/credential.js';
import type {
  IncidentAtHand,
  IncidentState,
  ItemFacts,
  Settled,
  Urgency,
  VersionToEnd,
  Way,
} from '../../../workflows/domain/incident.js';
import type { RunRecord, VersionRecord } from '../../../workflows/domain/records.js';
import type { FakeLedger } from './ledger.js';
import type { Said } from './said.js';

export class FakeIncident {
  readonly urgency: Urgency;
  state: IncidentState = 'open';
  readonly settled: Settled[] = [];
  /** Versions that were seen to be dead, and credentials whose consumers are all on another. */
  readonly dead = new Set<number>();
  readonly replaced = new Set<string>();
  readonly #ledgers = new Map<FakeLedger, readonly number[]>();

  constructor(way: Way, revokeBy: string | null = null) {
    this.urgency = { incident: 'incident-1', way, revokeBy };
  }

  names(ledger: FakeLedger, generations: readonly number[]): void {
    this.#ledgers.set(ledger, generations);
    ledger.leak(this, generations);
  }

  round(): { incident: IncidentAtHand | null; items: ItemFacts[] } {
    if (this.state === 'stopped') return { incident: null, items: [] };
    const items = [...this.#ledgers].flatMap(([ledger, generations]) =>
      generations.map((generation) => ({
        ...ledger.leakFacts(),
        generation,
        isDead: ledger.states[generation] === 'revoked',
      })),
    );
    const isOpen = (item: ItemFacts) =>
      !this.settled.some((s) => s.credential === item.credential && s.generation === item.generation);
    return { incident: { ...this.urgency, paused: this.state === 'paused' }, items: items.filter(isOpen) };
  }

  halt(to: IncidentState): void {
    this.state = to;
  }

  settle(settled: readonly Settled[]): void {
    this.settled.push(...settled);
  }

  learn(credential: string, changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'dead') this.dead.add(change.generation);
      if (change.kind === 'replaced') this.replaced.add(credential);
    }
  }

  versionsToEnd(versions: readonly VersionRecord[]): readonly VersionToEnd[] {
    return versions
      .filter(({ compromised, state }) => compromised || state !== 'revoked')
      .map(({ generation, state, compromised: leaked }) => ({ generation, state, leaked, dead: this.dead.has(generation) }));
  }
}

export function compromised(versions: readonly VersionRecord[], generations: readonly number[]): VersionRecord[] {
  return versions.map((v) => (generations.includes(v.generation) ? { ...v, compromised: true } : v));
}

/** Of one credential, as the ledger would say. */
export function factsOf(spec: CredentialSpec, row: RunRecord | null, { waits }: Said): Omit<ItemFacts, 'generation' | 'isDead'> {
  const waitsForPerson = waits.some(({ ended, wait }) => ended === null && wait.person);
  return {
    credential: spec.name,
    store: spec.store,
    strategy: spec.strategy,
    declared: true,
    open:
      row?.outcome === null
        ? {
            id: row.id,
            isUpdate: row.kind === 'update',
            urgency: row.urgency,
            makesLeaked: false,
            waitsForPerson,
            options: row.options,
          }
        : null,
    ended: row?.urgency && row.outcome ? { id: row.id, outcome: row.outcome, reason: row.reason } : null,
  };
}
