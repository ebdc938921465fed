/**
 * A version that has leaked is handed out no more and enabled no more, and dies under a guard that
 * asks whose it is.
 */
import { describe, expect, it } from 'vitest';
import { deliveryOf } from '../../../activities/deps.js';
import { containVersion } from '../../../activities/steps/contain.js';
import { enableVersion } from '../../../activities/steps/disable.js';
import type { RunRecord } from '../../../workflows/domain/records.js';
import { depsOf, stepRef, timing } from './effects.js';

const capabilities = {
  ...{ listsKeys: true, minKeys: 1, disable: true, undoDelete: 'none', lastUsed: 'exact', timing },
};

function leaked({ keys = 2, account = 'a', managementKeyId = null as string | null, disable = true } = {}) {
  const asked: string[] = [];
  const store = {
    capabilities: { ...capabilities, disable },
    check: async () => ({ identity: 'a', managementKeyId, keys, maxKeys: null }),
    describe: async (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
    probe: async () => ({ endpoints: [{ endpoint: 'api', accepted: true }] }),
    revoke: async (id: string) => void asked.push(`revoke ${id}`),
    disable: async (id: string) => void asked.push(`disable ${id}`),
    enable: async ({ keyId }: { keyId: string }) => void asked.push(`enable ${keyId}`),
  };
  const { deps, told } = depsOf({ store });
  const versions = async () => (await deps.ledger.versions('c')).map((v) => ({ ...v, account, compromised: v.generation === 1 }));
  return { deps: { ...deps, ledger: { ...deps.ledger, versions } } as typeof deps, told, asked };
}

describe('a version that has leaked', () => {
  it('is handed to nobody', async () => {
    const { deps, told } = leaked();
    const consumer = { name: 'web-1', host: 'h', settings: {} };
    await expect(deliveryOf(deps, stepRef('distribute'), consumer, 1)).rejects.toMatchObject({ code: 'KR_COMPROMISED' });
    expect(await deliveryOf(deps, stepRef('distribute'), consumer, 2)).toMatchObject({ version: { generation: 2 } });
    expect(told.steps).toEqual([]);
  });

  it('is not enabled again', async () => {
    const { deps, asked } = leaked();
    const enable = enableVersion(deps, { step: stepRef('enable/1'), generation: 1 });
    await expect(enable).rejects.toMatchObject({ code: 'KR_COMPROMISED' });
    expect(asked).toEqual([]);
  });

  it.each([
    ['switched off where the store can', {}, false, 'disable key-1'],
    ['deleted where it cannot', { disable: false }, false, 'revoke key-1'],
    ['deleted in the end', {}, true, 'revoke key-1'],
  ])('is %s, by its exact id and whoever uses it', async (_, given, final, sent) => {
    const { deps, told, asked } = leaked(given);
    await containVersion(deps, { step: stepRef('contain/1'), target: 1, final });
    expect([asked, told.steps.map((s) => [s.staged, s.unsent])]).toEqual([[sent], [[['move-version'], 'no']]]);
  });

  it.each([
    ['it is the last that the store must keep', { keys: 1, disable: false }, 1],
    ['it is what rekey manages the store with', { managementKeyId: 'key-1' }, 1],
    ['the store is another account', { account: 'other' }, 1],
    ['no incident names it', {}, 2],
  ])('does not die where %s, and nothing was sent', async (_, given, target) => {
    const { deps, told, asked } = leaked(given);
    const killed = containVersion(deps, { step: stepRef('contain/1'), target, final: false });
    await expect(killed).rejects.toMatchObject({ code: 'KR_GUARD_REFUSED' });
    expect([asked, told.steps[0]!.staged, told.steps[0]!.unsent]).toEqual([[], [], 'this']);
  });
});

describe('a revoke that an incident asks for', () => {
  it('is told apart from any other by the evidence that its guard asks for', async () => {
    const { revokeVersion } = await import('../../../activities/steps/retire.js');
    const seen = { consumer: 'web-1', healthy: true, source: 2, showsSource: true, detail: '', ageMs: 10 };
    const act = async (urgency: RunRecord['urgency'], evidence: string) => {
      const policy = { evidence: 'loaded', approveWithin: 1_000 };
      const store = {
        capabilities: { ...capabilities, probeRetryOn401: false },
        describe: async (id: string) => ({ id, name: id, state: 'live', rights: {}, secretChanged: null }),
        probe: async () => ({ endpoints: [{ endpoint: 'api', accepted: true }] }),
        revoke: async () => undefined,
      };
      const run = {
        urgency,
        targets: [{ name: 'web-1', host: 'h', settings: {} }],
        spec: { store: 's', policy, accept: [], attributes: {} },
      } as unknown as Partial<RunRecord>;
      const inspections = [{ ...seen, instances: [{ id: '1', generation: 2, evidence }] }];
      const { deps } = depsOf({ store, run, inspections });
      return revokeVersion(deps, { step: stepRef('revoke/1'), target: 1, survivor: 2 }).then(
        () => 'sent',
        (error: { code: string }) => error.code,
      );
    };
    const urgency = { incident: 'incident-1', way: 'rotate', revokeBy: null } as const;
    expect([await act(null, 'loaded'), await act(urgency, 'loaded'), await act(urgency, 'uses')]).toEqual([
      'sent',
      'KR_CONSUMER_BEHIND',
      'sent',
    ]);
  });
});
