/**
 * The proof of a new version begins with its rights: one that may do more or less than the old one
 * is handed to nobody.
 */
import { describe, expect, it } from 'vitest';
import type { Deps } from '../../../activities/deps.js';
import type { KeyDescription } from '../../../activities/ports/key-store.js';
import { proveVersion } from '../../../activities/steps/mint.js';
import type { StepRef } from '../../../workflows/domain/records.js';

const described = (id: string, rights: KeyDescription['rights']): KeyDescription => ({
  id,
  name: id,
  state: 'live',
  rights,
  secretChanged: null,
});

/**
 * Answers with the number of probes that were made before the proof ended. `missing`: whether a
 * place was, at each look at the store's lists.
 */
async function prove(next: KeyDescription | null, missing?: boolean[]): Promise<number> {
  let probes = 0;
  const store = {
    capabilities: { listsKeys: true, timing: { request: 1_000, propagation: 1_000 } },
    describe: async (id: string) => (id === 'old' ? described('old', { scopes: ['a', 'b'], hits: 5 }) : next),
    probe: async () => {
      probes++;
      return { endpoints: [{ endpoint: 'api', accepted: true }] };
    },
    ...(missing && {
      copyMemberships: async (keyId: string, like: string) => keyId === 'new' && like === 'old' && missing.shift(),
    }),
  };
  const versions = [
    { generation: 1, keyId: 'old' },
    { generation: 2, keyId: 'new', secretRef: 'r', ageMs: 0 },
  ];
  const deps = {
    ledger: {
      enter: async () => undefined,
      run: async () => ({ generation: 2, previousGeneration: 1, spec: { store: 's' } }),
      versions: async () => versions,
    },
    stores: { of: async () => store },
    vault: { open: async () => ({}) },
  } as unknown as Deps;
  const step = { run: 'c#2', credential: 'c' } as StepRef;
  await proveVersion(deps, { step }, new AbortController().signal);
  return probes;
}

describe('a new version', () => {
  it('with the rights of the old one is asked for at every endpoint', async () => {
    expect(await prove(described('new', { hits: 5, scopes: ['b', 'a'] }))).toBeGreaterThan(0);
  });

  it.each([
    ['more', { scopes: ['a', 'b', 'c'], hits: 5 }, 'scopes: ["a","b"] → ["a","b","c"]'],
    ['less', { scopes: ['a', 'b'] }, 'hits: 5 → null'],
  ])('with %s rights is refused, and says where they differ', async (_, rights, said) => {
    await expect(prove(described('new', rights))).rejects.toMatchObject({
      code: 'KR_RIGHTS_DIFFER',
      detail: expect.stringContaining(said) as string,
    });
  });

  it('whose place in a list was lost again while it was proved is proved anew', async () => {
    const same = described('new', { hits: 5, scopes: ['b', 'a'] });
    const once = await prove(same, [true, false]);
    expect(await prove(same)).toBe(once);
    const looks = [true, true, false, true];
    expect(await prove(same, looks)).toBe(2 * once);
    expect(looks).toEqual([true]);
  });

  it('that the store does not show yet is looked for again', async () => {
    await expect(prove(null)).rejects.toMatchObject({ code: 'KR_NOT_YET_PROVED', retryable: true });
  });
});
