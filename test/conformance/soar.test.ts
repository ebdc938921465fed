import { connector } from '../../activities/connectors/key-stores/soar/key-store.js';
import { describeVendor } from './suites/sandbox-bench.js';

describeVendor({
  vendor: 'soar',
  connector,
  attributes: { name: 'conformance', permissions: ['read_data', 'edit_data'] },
  management: ['keyId', 'keySecret'],
  faultBody: (message) => ({ success: false, title: null, message, hints: [], error_code: 'generic' }),
  abilities: ['regenerate', 'consumersOf', 'copyMemberships'],
});
