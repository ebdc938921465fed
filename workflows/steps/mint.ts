/** Owns how a run comes to its new version: made, accepted everywhere, in all lists of a store. */
import { atStore, effectsAtStore } from '../activity-options.js';
import type { OverlapMemory } from '../compensate-overlap.js';
import { onceLet } from '../run/gates.js';
import type { Run } from '../run/run.js';
import { atTheStore } from './manual-effect.js';

export async function mint(run: Run, memory: OverlapMemory): Promise<void> {
  const { keyId } = await onceLet(run, 'start', () =>
    atTheStore(run, { effect: 'mint', key: 'mint', generation: run.generation }, () =>
      effectsAtStore(run.spec.store).mintVersion({
        step: run.step('mint'),
        known: memory.minted,
        delivered: memory.distributed,
      }),
    ),
  );
  memory.minted = keyId;
}

export async function prove(run: Run): Promise<void> {
  const { store } = run.spec;
  const isListed = await atStore(store).proveVersion({ step: run.step('prove') });
  if (isListed) await run.recorded(effectsAtStore(store).copyMemberships({ step: run.step('copy-memberships') }));
}
