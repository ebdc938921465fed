/** What a run stands on, and which changes of a configuration leave it as it is. */
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../../workflows/domain/configuration.js';
import { defaultLimits } from '../../../workflows/domain/planner.js';
import { keepsStanding, standsOnOf } from '../../../workflows/domain/stands-on.js';
import { declared } from '../../support/declared.js';

const configuration: Configuration = {
  stores: {
    soar: { kind: 'soar', settings: { url: 'https://soar.test', management: { keyId: 'env:ID', keySecret: 'env:SECRET' } } },
    other: { kind: 'datadog', settings: {} },
  },
  hosts: {
    apps: { kind: 'soar-app-host', settings: { store: 'soar' } },
    disk: { kind: 'file', settings: { identity: null } },
    unused: { kind: 'file', settings: {} },
  },
  credentials: {},
  limits: defaultLimits,
};
const spec = declared('team/web', {
  store: 'other',
  consumers: {
    kind: 'list',
    list: [
      { name: 'web', host: 'disk', settings: {} },
      { name: 'app', host: 'apps', settings: {} },
    ],
  },
});
const standsOn = standsOnOf(configuration, spec)!;
const changedBy = (change: (next: Configuration) => unknown): string | null => {
  const next = structuredClone(configuration);
  change(next);
  const kept = keepsStanding(standsOn, next);
  return kept.ok ? null : kept.message;
};
// biome-ignore lint/suspicious/noExplicitAny: a test writes what a type forbids
type Loose = any;

describe('a run', () => {
  it('stands on its store, its hosts, and the stores that those are driven through', () => {
    expect([Object.keys(standsOn.stores), Object.keys(standsOn.hosts)]).toEqual([
      ['other', 'soar'],
      ['disk', 'apps'],
    ]);
    expect(standsOnOf({ ...configuration, hosts: {} }, spec)).toBeNull();
  });

  it.each<[string, (next: Loose) => unknown, string | null]>([
    ['a host that is removed', (next) => delete next.hosts.disk, 'hosts.disk would be removed'],
    ['another setting', (next) => (next.hosts.disk.settings.identity = 'x'), 'hosts.disk would be changed (identity)'],
    ['another kind', (next) => (next.stores.other.kind = 'dnn'), 'stores.other would be changed (kind)'],
    ['a module', (next) => (next.stores.other.module = '/m.js'), 'stores.other would be changed (module)'],
    ['a person in place of an API', (next) => (next.stores.other.manual = ['mint']), 'stores.other would be changed (manual)'],
    ['the store behind a host', (next) => (next.stores.soar.settings.url = 'https://b'), 'stores.soar would be changed (url)'],
    ['no more management', (next) => delete next.stores.soar.settings.management, 'stores.soar would be changed (management)'],
    ['a reference', (next) => (next.stores.soar.settings.management.keySecret = 'file:/new'), null],
    ['what it does not stand on', (next) => delete next.hosts.unused, null],
    ['another order of keys', (next) => (next.hosts = Object.fromEntries(Object.entries(next.hosts).reverse())), null],
  ])('is told of %s', (_, change, message) => expect(changedBy(change)).toBe(message));
});
