/** Owns the port to what was observed under a rotation, dated by the database's clock. */
import type { DatedInspection, Inspection, LastUseReading } from '../../workflows/domain/observations.js';
import type { StepRef } from '../../workflows/domain/records.js';

export interface Observations {
  recordInspections(step: StepRef, inspections: readonly Inspection[]): Promise<void>;
  /**
   * The latest inspection of each consumer under this rotation, with its age by the database's
   * clock.
   */
  inspections(run: string): Promise<readonly DatedInspection[]>;
  recordReading(
    step: StepRef,
    round: number,
    value: string | null,
  ): Promise<{ readonly readings: readonly LastUseReading[]; readonly now: number }>;
}
