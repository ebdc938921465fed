import { expect, it } from 'vitest';
import type { ApplyDeps } from '../../../activities/deps.js';
import { surveyStore } from '../../../activities/steps/survey-store.js';
import { RekeyError } from '../../../workflows/domain/errors.js';

const timing = { request: 1_000, settle: 1_000, propagation: 9_000, lastUsedLag: 0 };
const capabilities = { minKeys: 1, disable: true, undoDelete: 'none', listsKeys: true, timing };

/** A store that fails in these ways, one after the other, and then answers. */
function surveyed(...errors: Error[]) {
  const check = async () => {
    const error = errors.shift();
    if (error) throw error;
    return { identity: 'a', managementKeyId: null, keys: 4, maxKeys: 50 };
  };
  const applied = { store: async () => ({ capabilities, check }) };
  return surveyStore({ applied } as unknown as ApplyDeps, { store: 'dd' }, new AbortController().signal);
}

it('tells how full a store is, and is asked again where it did not answer', async () => {
  const seen = { keys: 4, minKeys: 1, maxKeys: 50, request: 1_000, propagation: 9_000 };
  expect(await surveyed(new RekeyError('KR_STORE_UNAVAILABLE', '500'))).toMatchObject(seen);
});

it('says at once that it may not look', async () => {
  await expect(surveyed(new RekeyError('KR_STORE_UNAUTHORIZED', 'no'))).rejects.toMatchObject({ code: 'KR_STORE_UNAUTHORIZED' });
});
