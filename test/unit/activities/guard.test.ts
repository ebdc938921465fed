/** The guard puts right what the key that stays has lost in the lists of its store, and only where the other one may go. */
import { expect, it } from 'vitest';
import type { Deps } from '../../../activities/deps.js';
import { requireMayTakeAway } from '../../../activities/guard.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import type { RotationRow, VersionRow } from '../../../activities/ports/ledger.js';

async function guarded(isAlive: boolean): Promise<{ enlisted: string[]; refused: unknown }> {
  const enlisted: string[] = [];
  const store = {
    capabilities: { listsKeys: true, minKeys: 0, probeRetryOn401: false, timing: { request: 1_000 } },
    check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
    probe: async () => ({ doors: [{ door: 'api', accepted: isAlive }] }),
    enlist: async (keyId: string, like: string) => enlisted.push(`${keyId} like ${like}`) > 0,
  } as unknown as KeyStore;
  const deps = { ledger: { inspections: async () => [] }, vault: { open: async () => ({}) } } as unknown as Deps;
  const spec = { store: 's', policy: { evidence: 'uses' }, accept: [] };
  const rotation = { id: 'c#2', direction: 'forward', spec, targets: [], exempt: [] } as unknown as RotationRow;
  const version = (generation: number) =>
    ({ generation, keyId: `key-${generation}`, account: 'a', secretRef: 'r' }) as VersionRow;
  const asked = requireMayTakeAway(deps, store, rotation, version(1), version(2), new AbortController().signal);
  return { refused: await asked.catch((error: unknown) => error), enlisted };
}

it('is as far as it goes where the key that stays is refused: nothing is written', async () => {
  expect(await guarded(false)).toMatchObject({ refused: { code: 'KR_GUARD_REFUSED' }, enlisted: [] });
});

it('gives the key that stays the places of the one that goes', async () => {
  expect(await guarded(true)).toEqual({ refused: undefined, enlisted: ['key-2 like key-1'] });
});
