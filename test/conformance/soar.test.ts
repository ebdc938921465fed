import { connector } from '../../activities/key-stores/soar/key-store.js';
import { describeKeyStore } from './suites/key-store.js';

describeKeyStore({
  vendor: 'soar',
  connector,
  attributes: { name: 'conformance', permissions: ['read_data', 'edit_data'] },
  management: ['keyId', 'keySecret'],
  faultBody: (message) => ({ success: false, title: null, message, hints: [], error_code: 'generic' }),
  abilities: ['regenerate', 'consumersOf'],
});
