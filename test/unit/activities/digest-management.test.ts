import { expect, it } from 'vitest';
import type { ApplyDeps } from '../../../activities/deps.js';
import { Secret } from '../../../activities/ports/secret.js';
import { digestManagement } from '../../../activities/steps/digest-management.js';
import { RekeyError } from '../../../workflows/domain/errors.js';

const store = {
  kind: 'datadog',
  settings: { url: 'file:/is-no-secret', management: { apiKey: 'env:API', nested: { key: 'file:/gone' }, accounts: ['env:A'] } },
};
const deps = {
  ledger: { configuration: async () => ({ configuration: { stores: { datadog: store }, hosts: { web: { settings: {} } } } }) },
  resolve: async (reference: string) => {
    if (reference === 'file:/gone') throw new RekeyError('KR_REFERENCE_UNRESOLVED', 'nothing there');
    return new Secret(`behind ${reference}`);
  },
} as unknown as ApplyDeps;

it('tells of all that stands under management what it is known by, and never what it is', async () => {
  const told = await digestManagement(deps, { section: 'stores', name: 'datadog' });
  expect(told).toEqual({
    section: 'stores',
    name: 'datadog',
    digests: [
      { setting: 'management.apiKey', digest: new Secret('behind env:API').digest },
      { setting: 'management.accounts.0', digest: new Secret('behind env:A').digest },
    ],
    unresolved: ['management.nested.key'],
  });
  expect(JSON.stringify(told)).not.toContain('behind');
});

it('has nothing to tell of a host without any, or of one that is declared no more', async () => {
  for (const name of ['web', 'gone'])
    expect(await digestManagement(deps, { section: 'hosts', name })).toMatchObject({ digests: [], unresolved: [] });
});
