/**
 * The proof of a new version begins with its rights: one that may do more or less than the old one
 * is handed to nobody.
 */
import { describe, expect, it } from 'vitest';
import type { KeyDescription } from '../../../activities/ports/key-store.js';
import { copyMemberships } from '../../../activities/steps/memberships.js';
import { proveVersion } from '../../../activities/steps/mint.js';
import { depsOf, stepRef, timing } from './effects.js';

const described = (id: string, rights: KeyDescription['rights']): KeyDescription => ({
  id,
  name: id,
  state: 'live',
  rights,
  secretChanged: null,
});

/** Answers with what the proof says, and the number of probes that were made before it ended. */
async function prove(next: KeyDescription | null, more: object = {}): Promise<{ isListed: boolean; probes: number }> {
  let probes = 0;
  const store = {
    capabilities: { listsKeys: true, timing },
    describe: async (id: string) => (id === 'key-1' ? described('key-1', { scopes: ['a', 'b'], hits: 5 }) : next),
    probe: async () => {
      probes++;
      return { endpoints: [{ endpoint: 'api', accepted: true }] };
    },
    ...more,
  };
  const { deps } = depsOf({ store });
  return { isListed: await proveVersion(deps, { step: stepRef('prove') }, new AbortController().signal), probes };
}

describe('a new version', () => {
  it('with the rights of the old one is asked for at every endpoint', async () => {
    expect((await prove(described('key-2', { hits: 5, scopes: ['b', 'a'] }))).probes).toBeGreaterThan(0);
  });

  it.each([
    ['more', { scopes: ['a', 'b', 'c'], hits: 5 }, 'scopes: ["a","b"] → ["a","b","c"]'],
    ['less', { scopes: ['a', 'b'] }, 'hits: 5 → null'],
  ])('with %s rights is refused, and says where they differ', async (_, rights, said) => {
    await expect(prove(described('key-2', rights))).rejects.toMatchObject({
      code: 'KR_RIGHTS_DIFFER',
      detail: expect.stringContaining(said) as string,
    });
  });

  it('is said to need its places where the store keeps lists, and gets none by being looked at', async () => {
    const same = described('key-2', { hits: 5, scopes: ['b', 'a'] });
    expect((await prove(same)).isListed).toBe(false);
    const copyMemberships = () => expect.unreachable('a proof writes nothing');
    expect((await prove(same, { copyMemberships })).isListed).toBe(true);
  });

  it('that the store does not show yet is looked for again', async () => {
    await expect(prove(null)).rejects.toMatchObject({ code: 'KR_NOT_YET_PROVED', retryable: true });
  });
});

describe('places in the lists of the store', () => {
  /** `missing`: whether a place was, at each look at the lists. */
  async function copy(missing: boolean[], propagation = 60_000) {
    const store = {
      capabilities: { timing: { ...timing, propagation } },
      copyMemberships: async (keyId: string, like: string) => keyId === 'key-2' && like === 'key-1' && missing.shift(),
    };
    const { deps, told } = depsOf({ store });
    const failed = await copyMemberships(deps, { step: stepRef('copy-memberships') }).then(
      () => null,
      (error: unknown) => error,
    );
    return { failed, left: missing, steps: told.steps.map((s) => s.key) };
  }

  it('are copied until they last, in one step', async () => {
    expect(await copy([true, true, false, true])).toEqual({ failed: null, left: [true], steps: ['copy-memberships'] });
  });

  it('are looked at twice where none was missing: a late write of ours may still take one out', async () => {
    expect((await copy([false, false, true])).left).toEqual([true]);
  });

  it('that do not last for as long as a store takes to know a key are no proof', async () => {
    expect((await copy([true, true, true], -1)).failed).toMatchObject({ code: 'KR_NOT_PROVED' });
  });
});
