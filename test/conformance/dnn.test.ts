import { connector } from '../../activities/connectors/key-stores/dnn/key-store.js';
import { describeVendor } from './suites/sandbox-bench.js';

/** With a host's token; what a person does in its place is in test/unit/key-stores/dnn.test.ts. */
describeVendor({
  vendor: 'dnn',
  connector,
  attributes: { name: 'conformance', permissions: ['read-content-items', 'read-write-content-types'] },
  management: ['token'],
  faultBody: (developerMessage) => ({ status: 422, code: 422, developerMessage, message: 'error.422' }),
  abilities: ['readSecret', 'regenerate', 'update'],
  otherRights: { permissions: ['read-content-items'] },
  account: 'www.example.com',
  managedByKey: false,
});
