/**
 * Owns what tests are shown of keys, programs and rotations: by the sandbox, and by the ledger's
 * views.
 */
import type { Wait } from '../../workflows/domain/records.js';

export type { KeyRow as KeyShown } from '../../sandbox/vendors/vendor.js';

export interface TrafficShown {
  readonly app: string;
  readonly vendor: string;
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
  readonly fingerprint: string;
  readonly downMs: number;
}

export interface RunShown {
  readonly id: string;
  readonly phase: string;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly waits_for: (Wait & { readonly number: number; readonly since: string }) | null;
  readonly direction: string;
  readonly downtime_ms: number | null;
  readonly fence: string;
  /** Temporal's own id of the workflow's run. */
  readonly workflow_run: string;
}
