/** Owns the port to rotations and versions: opened, taken over, moved on, closed. */
import type {
  ChainHead,
  Crossing,
  Note,
  OpenOrder,
  OpenRequest,
  Remembered,
  RunRecord,
  StepRef,
  VersionRecord,
  Wait,
} from '../../workflows/domain/records.js';
import type { Outcome } from '../../workflows/domain/states.js';

export interface Runs {
  /**
   * Opens a rotation under the next generation, or takes the open one over with a higher fence. The
   * same run gets the same row again.
   */
  open(request: OpenRequest): Promise<{ readonly run: RunRecord; readonly head: ChainHead; readonly crossing: Crossing | null }>;
  /**
   * Puts back what the ledger has lost of a rotation and its run remembers, under a fence above
   * both. Everything else is done again.
   */
  reconcile(remembered: Remembered): Promise<{ readonly run: RunRecord; readonly head: ChainHead }>;
  run(id: string): Promise<RunRecord>;
  versions(credential: string): Promise<readonly VersionRecord[]>;
  /** Checks fence and head, and shows the step as the one that is being worked on. */
  enter(step: StepRef, wait: Wait | null): Promise<void>;
  /** Commits a verb, a wait or a change of direction before it takes effect. */
  note(step: StepRef, note: Note): Promise<ChainHead>;
  close(step: StepRef, outcome: Outcome, reason: string | null, downtimeMs: number | null): Promise<ChainHead>;
  /**
   * Credentials whose time has come and that have no open rotation, whether or not their window is
   * open.
   */
  due(): Promise<readonly (OpenOrder & { readonly window: string | null })[]>;
  /** Every open rotation, whether or not a workflow runs it. */
  openRuns(): Promise<readonly OpenOrder[]>;
}
