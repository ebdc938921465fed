/**
 * Owns what a third party's connector is proved with, as `rekey/testing`. It needs `vitest` beside
 * it.
 */
export {
  type AppHostSubject,
  type AppHostWorld,
  type DeliverableVersion,
  describeAppHost,
  type HostAbility,
} from './app-host.js';
export { changesNothing, expectNoSecret, failure, type KeyRow, never, requestDeadline, throughLedger, until } from './expect.js';
export { describeKeyStore } from './key-store.js';
export type { Ability, KeyStoreSubject, StoreEntry, StoreWorld } from './key-store-bench.js';
export type { WiredWorld } from './key-store-wire.js';
export { Wire } from './wire.js';
