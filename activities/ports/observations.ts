/** Owns the port to what was observed under a run, dated by the database's clock. */
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { StepRef } from '../../workflows/domain/records.js';

export type ObservationKind = 'inspection' | 'last-used';

/** A look that was begun: it belongs to one attempt, and is dated from before it. */
export interface Look {
  readonly attempt: string;
  /** The database's time in milliseconds. */
  readonly now: number;
}

/** What was seen, and the database's time before that very look. */
export interface Seen<What> {
  readonly seen: What;
  readonly lookedAt: number;
}

export interface Observations {
  /** From now on what an earlier attempt sees of the subjects is not recorded any more. */
  beginLook(step: StepRef, kind: ObservationKind, subjects: readonly string[]): Promise<Look>;
  /**
   * The same thing seen again is folded; a look that is no newer than the recorded one is left out.
   * Throws KR_ATTEMPT_LOST where another attempt has begun to look.
   */
  recordInspections(step: StepRef, attempt: string, inspections: readonly Seen<Inspection>[]): Promise<void>;
  /**
   * The latest inspection of each consumer under this run, with its age by the database's clock,
   * counted from before the look.
   */
  inspections(run: string): Promise<readonly DatedInspection[]>;
  /** Readings before `countsFrom` decide nothing; one of after it is never folded into them. */
  recordReading(
    step: StepRef,
    attempt: string,
    reading: Seen<string | null> & { readonly round: number; readonly countsFrom: number },
  ): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }>;
}
