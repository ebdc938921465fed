/** Owns the list of simulated vendors. */
import { createAlgolia } from './algolia/vendor.js';
import { createDatadog } from './datadog/vendor.js';
import { createDnn } from './dnn/vendor.js';
import { createDocSpace } from './docspace/vendor.js';
import { createSoar } from './soar/vendor.js';
import type { Vendor, World } from './vendor.js';

const vendors: Readonly<Record<string, (world: World) => Vendor>> = {
  datadog: createDatadog,
  soar: createSoar,
  docspace: createDocSpace,
  algolia: createAlgolia,
  dnn: createDnn,
};

export const vendorNames: readonly string[] = Object.keys(vendors);

export function createVendors(world: World, names: readonly string[]): Vendor[] {
  return names.map((name) => vendors[name]!(world));
}
