import { connector } from '../../activities/connectors/key-stores/docspace/key-store.js';
import { describeVendor } from './suites/sandbox-bench.js';

describeVendor({
  vendor: 'docspace',
  connector,
  attributes: { permissions: ['files:read', 'rooms:read'], expiresInDays: 90 },
  management: ['token'],
  faultBody: (message) => ({ status: 1, statusCode: 422, error: { message, hresult: 0 } }),
  abilities: ['lastUsed', 'disable', 'enable', 'update'],
  otherRights: { permissions: ['files:read'] },
  prepare: (sandbox) => sandbox.tell('POST', '/vendors/docspace/limits', { creations: 10_000, callsPerMinute: 1_000_000 }),
});
