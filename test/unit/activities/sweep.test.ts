/** What the sweep finds: runs that are open, and that no workflow carries. */
import { expect, it } from 'vitest';
import type { Deps } from '../../../activities/deps.js';
import type { Engine } from '../../../activities/ports/engine.js';
import { lostRuns } from '../../../activities/steps/sweep.js';

function sweep(open: readonly string[], running: readonly string[]) {
  let asked = 0;
  const ledger = { sweep: async () => open.map((credential) => ({ credential, sequence: 'overlap', options: { without: [] } })) };
  const engine = { credentialsUnderway: async () => new Set(running.slice(0, ++asked && running.length)) };
  const found = lostRuns({ ledger, engine } as unknown as Pick<Deps, 'ledger'> & { engine: Engine });
  return found.then((orders) => ({ lost: orders.map(({ credential }) => credential), asked }));
}

it('is what the engine does not name', async () => {
  expect(await sweep(['a', 'b', 'c'], ['b', 'x'])).toEqual({ lost: ['a', 'c'], asked: 1 });
});

it('asks nobody where nothing is open', async () => {
  expect(await sweep([], ['a'])).toEqual({ lost: [], asked: 0 });
});

it('takes a bounded part of what a server has lost, the longest open first', async () => {
  const open = Array.from({ length: 2_000 }, (_, index) => `c-${index}`);
  expect((await sweep(open, open.slice(0, 100))).lost).toEqual(open.slice(100, 300));
});
