/**
 * Owns what a third party's connector imports as `rekey`: the ports, the one class of errors and of
 * secrets, and what connectors share.
 */
export { z } from 'zod';
export type { ConsumerSpec, Evidence, Json, JsonObject } from '../../workflows/domain/credential.js';
export { errorCodes } from '../../workflows/domain/error-codes.js';
export { type ErrorCode, RekeyError } from '../../workflows/domain/errors.js';
export type { Inspection, InstanceSeen, RunState } from '../../workflows/domain/observations.js';
export type * from '../ports/app-host.js';
export type { ManualFacts, Reference, ResolveReference, StoreConfig } from '../ports/connector.js';
export {
  type AppHostConnector,
  type ConnectorContext,
  type HostConfig,
  type KeyStoreConnector,
  portVersion,
} from '../ports/connector.js';
export { within } from '../ports/deadline.js';
export { duration } from '../ports/duration.js';
export * from '../ports/key-store.js';
export { Secret } from '../ports/secret.js';
export { type Call, HttpClient, type HttpClientOptions, type Reply } from './http/client.js';
export { type FaultCodes, hostFaults, storeFaults } from './http/faults.js';
export { path } from './http/path.js';
export { scrub } from './http/scrub.js';
export { shortened, type Timing, timing, withDefaults } from './http/settings.js';
