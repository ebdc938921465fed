/**
 * Owns the counters of each app: what it sent, what became of it, and how long nothing of it was
 * running.
 */
import type { Durable } from './durable.js';

export interface TrafficRow {
  readonly app: string;
  readonly vendor: string;
  sent: number;
  accepted: number;
  /**
   * Sent with a key that the vendor knows to be dead, or does not know, whatever the answer's
   * status was.
   */
  refused: number;
  failedLogins: number;
  lost: number;
  fingerprint: string | null;
  downMs: number;
}

export type Count = 'sent' | 'accepted' | 'refused' | 'failedLogins' | 'lost';

export interface TrafficState {
  on: boolean;
  rows: TrafficRow[];
}

/**
 * The vendors count, not the apps: every request of an app passes through its simulator, which
 * alone knows whether the key was dead, and whose counters outlive the app.
 */
export class Traffic {
  /**
   * Since when an app is down. Kept in memory only, since time in which the whole sandbox was dead
   * is nobody's downtime.
   */
  readonly #downSince = new Map<string, number>();
  readonly #wasUp = new Set<string>();

  constructor(
    private readonly store: Durable<TrafficState>,
    /** How many times slower than usual programs work and messages arrive. */
    readonly pace: number,
  ) {}

  get on(): boolean {
    return this.store.value.on;
  }

  set on(on: boolean) {
    this.store.value.on = on;
    this.store.save();
  }

  has(app: string): boolean {
    return this.store.value.rows.some((row) => row.app === app);
  }

  add(app: string, vendor: string): void {
    if (this.has(app)) return;
    this.store.value.rows.push({
      app,
      vendor,
      sent: 0,
      accepted: 0,
      refused: 0,
      failedLogins: 0,
      lost: 0,
      fingerprint: null,
      downMs: 0,
    });
    this.store.touch();
  }

  /** What a stranger sends is nobody's traffic. */
  count(app: string, ...what: Count[]): void {
    const row = this.#row(app);
    if (!row) return;
    for (const count of what) row[count] += 1;
    this.store.touch();
  }

  isUp(app: string, fingerprint: string | null): void {
    const row = this.#row(app);
    if (!row) return;
    row.fingerprint = fingerprint;
    row.downMs = this.#downMs(row);
    this.#downSince.delete(app);
    this.#wasUp.add(app);
    this.store.touch();
  }

  isDown(app: string): void {
    if (this.#wasUp.has(app) && !this.#downSince.has(app)) this.#downSince.set(app, Date.now());
  }

  list(): TrafficRow[] {
    return this.store.value.rows.map((row) => ({ ...row, downMs: this.#downMs(row) }));
  }

  clear(): void {
    this.#downSince.clear();
    this.#wasUp.clear();
    this.store.value.rows = [];
    this.store.save();
  }

  #row(app: string): TrafficRow | undefined {
    return this.store.value.rows.find((row) => row.app === app);
  }

  #downMs(row: TrafficRow): number {
    const since = this.#downSince.get(row.app);
    return row.downMs + (since === undefined ? 0 : Date.now() - since);
  }
}
