/**
 * An incident over several keys of one store is stopped just when its workers have died: nothing is
 * begun behind that. A hundred keys: test/matrix/hundred-keys.test.ts.
 */
import { afterAll, beforeAll, it } from 'vitest';
import { Lane } from '../support/lane.js';
import { expectNothingBehindStop, manyKeys } from '../support/many-keys.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

it('begins nothing behind a stop, and the next one has each key dead and replaced once', async () => {
  const keys = await manyKeys(lane, 8);
  try {
    await expectNothingBehindStop(lane, keys, 'contain');
  } finally {
    await keys.close();
  }
});
