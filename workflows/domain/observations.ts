/**
 * Owns the shapes of what is seen: inspections of consumers, readings of last use, probes. Times of
 * one house are never compared with another's.
 */
import type { Evidence } from './credential.js';

export interface InstanceSeen {
  /** The host's own name of the process. */
  readonly id: string;
  /** The generation that it was seen on; null where it shows none that we know. */
  readonly generation: number | null;
  readonly evidence: Evidence;
}

export type RunState = 'running' | 'stopped' | 'starting' | 'stopping' | 'failing';

/** One look at a consumer, by its host. */
export interface Inspection {
  readonly consumer: string;
  readonly state: RunState;
  readonly instances: readonly InstanceSeen[];
  /**
   * The generation that new instances would start with; null: the host cannot show it, or it is
   * none that we know.
   */
  readonly source: number | null;
  /** Whether the host can show its source at all. */
  readonly showsSource: boolean;
  readonly healthy: boolean;
  /** A failing app that was refused its login must be stopped at once, not restarted. */
  readonly authenticationFailed: boolean;
  /** For people; never a secret. */
  readonly detail: string;
}

/** An inspection with the age that it has by the database's clock. */
export interface DatedInspection extends Inspection {
  readonly ageMs: number;
}

/**
 * A reading of the store's last-used: the vendor's own text or number, compared only for being the
 * same; null where it says nothing.
 */
export interface LastUseReading {
  readonly value: string | null;
  /**
   * Milliseconds of the database's clock, before the look and when it was recorded: the value was
   * read at some moment between the two.
   */
  readonly lookedAt: number;
  readonly seenBy: number;
}
