/**
 * The guard puts right what the key that stays has lost in the lists of its store, and only where
 * the other one may go.
 */
import { describe, expect, it } from 'vitest';
import type { Deps } from '../../../activities/deps.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import { requireMayTakeAway } from '../../../activities/steps/guard.js';
import { requireMayRegenerate } from '../../../activities/steps/regenerate.js';
import type { RunRecord, VersionRecord } from '../../../workflows/domain/records.js';

async function takeAway(isAlive: boolean): Promise<{ copied: string[]; refused: unknown }> {
  const copied: string[] = [];
  const store = {
    capabilities: { listsKeys: true, minKeys: 0, probeRetryOn401: false, timing: { request: 1_000 } },
    check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
    probe: async () => ({ endpoints: [{ endpoint: 'api', accepted: isAlive }] }),
    copyMemberships: async (keyId: string, like: string) => copied.push(`${keyId} like ${like}`) > 0,
  } as unknown as KeyStore;
  const deps = { ledger: { inspections: async () => [] }, vault: { open: async () => ({}) } } as unknown as Deps;
  const spec = { store: 's', policy: { evidence: 'uses' }, accept: [] };
  const rotation = { id: 'c#2', direction: 'forward', spec, targets: [], exempt: [] } as unknown as RunRecord;
  const version = (generation: number) =>
    ({ generation, keyId: `key-${generation}`, account: 'a', secretRef: 'r' }) as VersionRecord;
  const asked = requireMayTakeAway(deps, store, rotation, version(1), version(2), new AbortController().signal);
  return { refused: await asked.catch((error: unknown) => error), copied };
}

it('is as far as it goes where the key that stays is refused: nothing is written', async () => {
  expect(await takeAway(false)).toMatchObject({ refused: { code: 'KR_GUARD_REFUSED' }, copied: [] });
});

it('gives the key that stays the places of the one that goes', async () => {
  expect(await takeAway(true)).toEqual({ refused: undefined, copied: ['key-2 like key-1'] });
});

describe('a regenerate behind looks that are too old', () => {
  const asked = (sent: 'nothing' | 'perhaps', seen: object) => {
    const consumer = { name: 'enrichment', host: 'apps' };
    const deps = { ledger: { inspections: async () => [{ consumer: 'enrichment', ...seen }] } } as unknown as Deps;
    const rotation = { id: 'c#2', targets: [consumer], exempt: [] } as unknown as RunRecord;
    return requireMayRegenerate(deps, rotation, sent).then(
      () => 'allowed',
      (error: { code: string }) => error.code,
    );
  };
  const stopped = { state: 'stopped', instances: [] };

  it('has them looked at again, and asks nobody, whether one may have been sent or not', async () => {
    const old = { ...stopped, ageMs: 10 * 60_000 };
    expect([await asked('nothing', old), await asked('perhaps', old)]).toEqual(['KR_GUARD_STALE', 'KR_LOOK_AGAIN']);
    expect(await asked('perhaps', { ...stopped, ageMs: 1_000 })).toBe('allowed');
  });

  it('is for a person where one may have been sent and a program runs', async () => {
    const running = { state: 'running', instances: [{ id: '1', generation: 1, evidence: 'uses' }], ageMs: 1_000 };
    expect([await asked('nothing', running), await asked('perhaps', running)]).toEqual(['KR_GUARD_REFUSED', 'KR_BEYOND_RETURN']);
  });
});
