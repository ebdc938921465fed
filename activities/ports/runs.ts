/** Owns the port to rotations and versions: opened, taken over, moved on, closed. */

import type { DueRun, Underway } from '../../workflows/domain/planner.js';
import type {
  ChainHead,
  Opened,
  OpenedWait,
  OpenOrder,
  OpenRequest,
  RecordedVerb,
  Remembered,
  RunRecord,
  SaidVerb,
  StepRef,
  VersionRecord,
  Wait,
} from '../../workflows/domain/records.js';
import type { Outcome } from '../../workflows/domain/states.js';

export interface Runs {
  /** The database's time in milliseconds: the clock that has the last word. */
  now(): Promise<number>;
  /**
   * Opens a rotation under the next generation, or takes the open one over with a higher fence. The
   * same run gets the same row again.
   */
  open(request: OpenRequest): Promise<Opened>;
  /**
   * Puts back what the ledger has lost of a rotation and its run remembers, under a fence above
   * both. Everything else is done again.
   */
  reconcile(remembered: Remembered): Promise<{ readonly run: RunRecord; readonly head: ChainHead }>;
  run(id: string): Promise<RunRecord>;
  versions(credential: string): Promise<readonly VersionRecord[]>;
  /** Checks fence and head, and shows the step as the one that is being worked on. */
  enter(step: StepRef): Promise<void>;
  /**
   * Opens a wait, or goes on with the open one of its kind and step: told again, it is the same
   * one.
   */
  openWait(step: StepRef, wait: Wait): Promise<OpenedWait>;
  /** Commits what an operator said, before it takes effect, and judges it again. */
  recordVerb(step: StepRef, said: SaidVerb): Promise<RecordedVerb>;
  /** What became of a verb that was still to take effect; `whyNone` where it has none. */
  recordEffect(run: string, updateId: string, whyNone: string | null): Promise<void>;
  /** From here on back, under a higher fence. Throws KR_BEYOND_RETURN. */
  turnBack(step: StepRef, reason: string): Promise<ChainHead>;
  /** Everyone is handed the new version again, and the old one has to be quiet anew. */
  beginRound(step: StepRef, round: number, reason: string): Promise<ChainHead>;
  /**
   * Tells of the credential's open run what somebody did to its workflow in Temporal; nothing where
   * it has none.
   */
  report(credential: string, what: string): Promise<void>;
  close(step: StepRef, outcome: Outcome, reason: string | null, downtimeMs: number | null): Promise<ChainHead>;
  /**
   * Credentials whose time has come and that have no open rotation, whether or not their window is
   * open. `room`: what must be left of that, in milliseconds.
   */
  due(): Promise<readonly (DueRun & { readonly window: string | null; readonly room: number })[]>;
  underway(): Promise<Underway>;
  /**
   * Every open rotation, whether or not a workflow runs it. Secrets that nobody needs any more
   * leave the vault with it, and a rotation that does not get on, and waits for nothing that has a
   * deadline, is reported on the way.
   */
  sweep(): Promise<readonly OpenOrder[]>;
  /** The same list, and nothing else. */
  openRuns(): Promise<readonly OpenOrder[]>;
}
