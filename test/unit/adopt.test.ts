/**
 * What adopting does with a secret that stands in a consumer's source: it is read there, proved at
 * the store, and refused where it is another. And with one that was handed in: it leaves no copy.
 */

import { describe, expect, it } from 'vitest';
import type { ApplyDeps } from '../../activities/deps.js';
import { Secret } from '../../activities/ports/secret.js';
import { adoptVersion, saveConfiguration } from '../../activities/steps/apply.js';
import { createLedgerSteps } from '../../activities/steps/ledger.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { anOrder } from '../support/order.js';
import { tester } from '../support/who.js';

const held = new Secret('aaaabbbbccccddddeeeeffff00001111');

function deps(
  inSource: Secret | null,
  { accepted = true, versions = [] as object[] } = {},
): { deps: ApplyDeps; adopted: unknown[]; discarded: string[] } {
  const adopted: unknown[] = [];
  const discarded: string[] = [];
  const fake = {
    ledger: {
      versions: async () => versions,
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
    vault: {
      seal: async (secret: Secret) => ({ sealed: secret.fingerprint }),
      open: async () => held,
      discard: async (ref: string) => void discarded.push(ref),
    },
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
  return { deps: fake as unknown as ApplyDeps, adopted, discarded };
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
    const { deps: given, adopted } = deps(inSource, { accepted });
    await expect(adopt(given, reference)).rejects.toMatchObject({ code });
    expect(adopted).toEqual([]);
  });
});

describe('a secret that a person hands in', () => {
  it('goes with the adoption, in its transaction', async () => {
    const { deps: given, adopted, discarded } = deps(null);
    await adopt(given, 'vault:ref-1');
    expect([adopted, discarded]).toMatchObject([[['team/web', { handedIn: 'ref-1' }, tester]], []]);
  });

  it('goes where the key was adopted before, or is refused', async () => {
    const before = deps(null, { versions: [{ state: 'active', secretRef: 'ref-0', generation: 1 }] });
    expect(await adopt(before.deps, 'vault:ref-1')).toMatchObject({ adopted: false });
    const refused = deps(null, { accepted: false });
    await expect(adopt(refused.deps, 'vault:ref-2')).rejects.toMatchObject({ code: 'KR_STORE_REFUSED' });
    expect([before.discarded, refused.discarded]).toEqual([['ref-1'], ['ref-2']]);
  });

  it('stays while it may still be taken', async () => {
    const { deps: given, discarded } = deps(null);
    const away = {
      ...given,
      applied: { ...given.applied, store: () => Promise.reject(new RekeyError('KR_STORE_UNAVAILABLE', 'away')) },
    };
    await expect(adopt(away, 'vault:ref-1')).rejects.toMatchObject({ code: 'KR_STORE_UNAVAILABLE' });
    expect(discarded).toEqual([]);
  });
});

describe('whoever is nobody', () => {
  it.each([
    ['mallory'],
    [undefined],
    [{ ...tester, proof: 'trust me' }],
  ])('is refused as %j, before anything is asked', async (by) => {
    const nothing = new Proxy({}, { get: (_, name) => expect.fail(`${String(name)} was asked`) }) as never;
    const steps = createLedgerSteps({ ledger: nothing });
    const refused: (() => Promise<unknown>)[] = [
      () => steps.openRun({ credential: 'team/web', options: { without: [] }, by: by as never, ...anOrder() }),
      () => steps.recordVerb({ step: {} as never, said: { who: by } as never }),
      () =>
        adoptVersion(
          nothing,
          { credential: 'team/web', keyId: '17', secret: null, by: by as never },
          new AbortController().signal,
        ),
      () => saveConfiguration(nothing, { ...anOrder(), configuration: {} as never, hash: 'h', by: by as never }),
    ];
    for (const ask of refused) await expect(ask()).rejects.toMatchObject({ code: 'KR_USAGE' });
  });
});
