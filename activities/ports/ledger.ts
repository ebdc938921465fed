/**
 * Owns the port to the durable record as a whole; one transaction per call, none open during an
 * outside call.
 */
import type { Declarations } from './declarations.js';
import type { Incidents } from './incidents.js';
import type { Journal } from './journal.js';
import type { Leases } from './leases.js';
import type { Observations } from './observations.js';
import type { Runs } from './runs.js';

export interface Ledger extends Runs, Incidents, Journal, Observations, Leases, Declarations {
  readonly id: string;
}
