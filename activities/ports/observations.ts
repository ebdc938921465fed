/** Owns the port to what was observed under a run, dated by the database's clock. */
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { StepRef } from '../../workflows/domain/records.js';

export interface Observations {
  /** The database's time in milliseconds, to be asked before a look. */
  now(): Promise<number>;
  /** `lookedAt`: the database's time before the look. The same thing seen again is folded. */
  recordInspections(step: StepRef, lookedAt: number, inspections: readonly Inspection[]): Promise<void>;
  /**
   * The latest inspection of each consumer under this run, with its age by the database's clock,
   * counted from before the look.
   */
  inspections(run: string): Promise<readonly DatedInspection[]>;
  /** Readings before `countsFrom` decide nothing; one of after it is never folded into them. */
  recordReading(
    step: StepRef,
    reading: { readonly round: number; readonly value: string | null; readonly lookedAt: number; readonly countsFrom: number },
  ): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }>;
}
