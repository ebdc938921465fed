/** Owns the list of simulated vendors. */
import { createDatadog } from './datadog/vendor.js';
import { createDocSpace } from './docspace/vendor.js';
import { createSoar } from './soar/vendor.js';
import type { Vendor, World } from './vendor.js';

const VENDORS: ReadonlyArray<(world: World) => Vendor> = [createDatadog, createSoar, createDocSpace];

export function createVendors(world: World): Vendor[] {
  return VENDORS.map((create) => create(world));
}
