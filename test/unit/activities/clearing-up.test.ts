/**
 * What clears up goes through the journal as every effect does: orphans at the store, a program
 * that does not come up, a key that lies ready for nobody.
 */
import { describe, expect, it } from 'vitest';
import { askPerson } from '../../../activities/steps/ask-person.js';
import { confirmDeployed } from '../../../activities/steps/consumers.js';
import { withdrawStaged } from '../../../activities/steps/manual-delivery.js';
import { removeOrphans } from '../../../activities/steps/retire.js';
import { depsOf, stepRef, timing } from './effects.js';

const never = new AbortController().signal;

describe('orphans', () => {
  /** Answers with what was ended. `crashes`: the worker dies behind the first of them. */
  async function clear(keys: string[], known: string | null = null, crashes = false) {
    const ended: string[] = [];
    const store = {
      capabilities: { timing },
      findByTag: async (tag: string) => keys.filter((id) => id !== known).map((id) => ({ id, name: tag })),
      describe: async (id: string) => (keys.includes(id) ? { id } : null),
      revoke: async (id: string) => {
        ended.push(id);
        keys.splice(keys.indexOf(id), 1);
        if (crashes && ended.length === 1) throw new Error('the worker died');
      },
    };
    const { deps, told } = depsOf({ store });
    const clearOnce = () => removeOrphans(deps, { step: stepRef('remove-orphans'), known });
    if (crashes) await expect(clearOnce()).rejects.toThrow('the worker died');
    return { ...(await clearOnce()).result, ended, steps: told.steps.map((s) => s.key) };
  }

  it('are none at a clean end: the step is on record, and nothing is sent', async () => {
    expect(await clear(['key-1', 'key-2'], 'key-2')).toEqual({ removed: [], ended: [], steps: ['remove-orphans'] });
  });

  it('go, and with them the key that the ledger has lost', async () => {
    expect(await clear(['key-2', 'lost-1', 'lost-2'], 'lost-2')).toMatchObject({ removed: ['lost-1', 'lost-2'] });
  });

  it('are looked for again behind a crash, and those that are left go', async () => {
    const { removed, ended, steps } = await clear(['lost-1', 'lost-2'], null, true);
    expect([removed, ended]).toEqual([['lost-2'], ['lost-1', 'lost-2']]);
    expect(steps).toEqual(['remove-orphans', 'remove-orphans']);
  });
});

const targets = [{ name: 'web', host: 'h', settings: {} }];

describe('a program that was told to start', () => {
  const cases = [
    ['refused', { state: 'failing', authenticationFailed: true }],
    ['refused', { state: 'stopped', authenticationFailed: true }],
    ['stopped', { state: 'stopped' }],
    ['running', { state: 'running', healthy: true }],
  ] as const;
  it.each(cases)('is reported as %s, and left alone', async (answer, seen) => {
    const changed: string[] = [];
    const host = {
      capabilities: { timing },
      inspect: async () => seen,
      undeploy: async () => void changed.push('undeploy'),
      deploy: async () => void changed.push('deploy'),
    };
    const { deps } = depsOf({ host, run: { targets } });
    expect(await confirmDeployed(deps, { step: stepRef('confirm/forward/web'), consumer: 'web' }, never)).toBe(answer);
    expect(changed).toEqual([]);
  });
});

it('a key that lies ready goes in a step of its own, and only then is nobody asked any more', async () => {
  const withdrawn: string[] = [];
  const host = {
    capabilities: { timing },
    manual: { withdraw: async ({ name }: { name: string }) => void withdrawn.push(name) },
  };
  const { deps, told } = depsOf({ host, run: { targets } });
  await withdrawStaged(deps, { step: stepRef('withdraw/wave-1/web'), consumer: 'web', asked: 'manual/wave-1/web' });
  expect(withdrawn).toEqual(['web']);
  expect(told.steps.map((s) => s.key)).toEqual(['withdraw/wave-1/web']);
  expect(told.entered).toEqual(['manual/wave-1/web']);
});

describe('a person who is to take a version away', () => {
  async function ask(isAlive: boolean) {
    const copied: string[] = [];
    const store = {
      capabilities: { listsKeys: true, minKeys: 0, probeRetryOn401: false, timing },
      check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
      describe: async (id: string) => ({ id, rights: {} }),
      probe: async () => ({ endpoints: [{ endpoint: 'api', accepted: isAlive }] }),
      copyMemberships: async (id: string, like: string) => copied.push(`${id} like ${like}`) > 0,
    };
    const { deps, told } = depsOf({ store });
    const input = { step: stepRef('revoke/1'), effect: 'revoke', generation: 1, survivor: 2, overdue: false } as const;
    const failed = await askPerson(deps, input, never).then(
      () => null,
      (error: unknown) => error,
    );
    return { copied, failed, steps: told.steps.map((s) => s.key), asked: told.asked };
  }

  it('is asked once the one that stays has every place, which is a step of its own', async () => {
    expect(await ask(true)).toEqual({
      copied: ['key-2 like key-1'],
      failed: null,
      steps: ['copy-memberships/revoke/1'],
      asked: ['revoke/1'],
    });
  });

  it('is not asked where the guard refuses, and nothing is written', async () => {
    expect(await ask(false)).toMatchObject({ copied: [], steps: [], asked: [], failed: { code: 'KR_GUARD_REFUSED' } });
  });
});
