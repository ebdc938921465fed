/** Owns the list of simulated vendors. */
import { createDatadog } from './datadog/vendor.js';
import { createDnn } from './dnn/vendor.js';
import { createSoar } from './soar/vendor.js';
import type { Vendor, World } from './vendor.js';

const VENDORS: ReadonlyArray<(world: World) => Vendor> = [createDatadog, createSoar, createDnn];

export function createVendors(world: World): Vendor[] {
  return VENDORS.map((create) => create(world));
}
