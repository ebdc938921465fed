import { connector } from '../../activities/connectors/key-stores/algolia/key-store.js';
import { describeVendor } from './suites/sandbox-bench.js';

describeVendor({
  vendor: 'algolia',
  connector,
  attributes: { name: 'conformance', acl: ['search'], indexes: ['products'], maxHitsPerQuery: 20 },
  otherRights: {
    acl: ['search', 'browse'],
    indexes: [],
    queryParameters: 'filters=visible%3Atrue',
    validUntil: '2099-12-31T23:59Z',
  },
  management: ['adminKey'],
  faultBody: (message) => ({ message, status: 422 }),
  abilities: ['readSecret', 'disable', 'enable', 'update', 'leastGrace'],
});
