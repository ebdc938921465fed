/**
 * What adopting does with a secret that stands in a consumer's source: it is read there, proved at
 * the store, and refused where it is another.
 */
import { describe, expect, it } from 'vitest';
import type { ApplyDeps } from '../../activities/deps.js';
import { Secret } from '../../activities/ports/secret.js';
import { adoptVersion } from '../../activities/steps/apply.js';
import { tester } from '../support/who.js';

const held = new Secret('aaaabbbbccccddddeeeeffff00001111');

function deps(inSource: Secret | null, accepted = true): { deps: ApplyDeps; adopted: unknown[] } {
  const adopted: unknown[] = [];
  const fake = {
    ledger: {
      versions: async () => [],
      credential: async () => ({
        name: 'team/web',
        store: 'store',
        strategy: 'overlap',
        consumers: { kind: 'list', list: [{ name: 'web-1', host: 'disk', settings: { file: '/a' } }] },
      }),
      adopt: async (...given: unknown[]) => {
        adopted.push(given);
        return { generation: 1, adopted: true };
      },
    },
    vault: { seal: async (secret: Secret) => ({ sealed: secret.fingerprint }) },
    applied: {
      store: async () => ({
        capabilities: { idIsSecret: false, listsKeys: true },
        check: async () => ({ identity: 'account' }),
        describe: async () => ({ name: 'web' }),
        probe: async (_: unknown) => ({ endpoints: [{ accepted }] }),
      }),
      host: async (name: string) => ({
        readSecret: async ({ settings }: { settings: unknown }) => (name === 'disk' && settings ? inSource : null),
      }),
    },
    resolve: async () => {
      throw new Error('no reference is to be resolved');
    },
  };
  return { deps: fake as unknown as ApplyDeps, adopted };
}
const adopt = (given: ApplyDeps, secret: string) =>
  adoptVersion(given, { credential: 'team/web', keyId: '17', secret, by: tester }, new AbortController().signal);

describe('a key whose secret a consumer has', () => {
  it('is adopted with what stands in its source', async () => {
    const { deps: given, adopted } = deps(held);
    expect(await adopt(given, 'consumer:web-1')).toMatchObject({ adopted: true, generation: 1 });
    expect(adopted).toMatchObject([['team/web', { keyId: '17', fingerprint: held.fingerprint }, tester]]);
  });

  it.each([
    ['has none', null, true, 'consumer:web-1', 'KR_REFERENCE_UNRESOLVED'],
    ['is not there', held, true, 'consumer:web-2', 'KR_NOT_FOUND'],
    ['has one of another key', held, false, 'consumer:web-1', 'KR_STORE_REFUSED'],
  ])('is not adopted where the consumer %s', async (_, inSource, accepted, reference, code) => {
    const { deps: given, adopted } = deps(inSource, accepted);
    await expect(adopt(given, reference)).rejects.toMatchObject({ code });
    expect(adopted).toEqual([]);
  });
});
