import { connector } from '../../activities/key-stores/dnn/key-store.js';
import { describeKeyStore } from './suites/key-store.js';

/** With a host's token; what a person does in its place is in test/unit/key-stores/dnn.test.ts. */
describeKeyStore({
  vendor: 'dnn',
  connector,
  attributes: { name: 'conformance', permissions: ['read-content-items', 'read-write-content-types'] },
  management: ['token'],
  faultBody: (developerMessage) => ({ status: 422, code: 422, developerMessage, message: 'error.422' }),
  abilities: ['readSecret', 'regenerate', 'update'],
  account: 'www.example.com',
  managedByKey: false,
});
