/**
 * Owns the port to the leases of consumers: two rotations never write or restart one consumer at
 * once.
 */
import type { StepRef } from '../../workflows/domain/records.js';
import type { LeaseFence } from './app-host.js';

export interface Leases {
  /**
   * Takes the consumer's lease for the rotation, raising its fence; KR_LEASE_HELD while another
   * open rotation holds it.
   */
  lease(step: StepRef, consumer: string): Promise<LeaseFence>;
  /**
   * A host has seen a higher fence than the one that this ledger gave out, which was set back:
   * raises it, unless a newer taking is on record already.
   */
  raiseLease(consumer: string, given: number, held: number): Promise<boolean>;
  releaseLease(consumer: string, run: string): Promise<void>;
  releaseLeases(run: string): Promise<void>;
}
