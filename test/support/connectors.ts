/** Owns the connectors of a test: one store and one host, whatever is declared. */
import type { Connectors } from '../../activities/targets.js';

const nobody = () => Promise.reject(new Error('nobody asks for it here'));

export function connectorsOf({ store, host }: { store?: object; host?: object }): Connectors {
  return {
    store: store ? async () => store as never : nobody,
    storeConfig: nobody,
    host: host ? async () => host as never : nobody,
    applied: async () => ({ stores: {}, hosts: {} }),
  };
}
