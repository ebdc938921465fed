import { connector } from '../../activities/connectors/key-stores/datadog/key-store.js';
import { describeVendor } from './suites/sandbox-bench.js';

describeVendor({
  vendor: 'datadog',
  connector,
  attributes: { name: 'conformance' },
  management: ['apiKey', 'applicationKey'],
  faultBody: (text) => ({ errors: [text] }),
  abilities: ['readSecret', 'lastUsed'],
  prepare: (sandbox) => sandbox.tell('POST', '/vendors/datadog/limits', { maxKeys: 10_000, ratePerPeriod: 1_000_000 }),
});
