/** The worker of an in-place rotation is killed with -9, before a request and after its effect; another one brings the apps back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectInPlaceConverged } from '../support/converged.js';
import { Lane } from '../support/lane.js';

let lane: Lane;
let rest: () => void;
beforeAll(async () => {
  lane = await Lane.start();
  rest = lane.keepWorkerAlive();
});
afterAll(async () => {
  rest?.();
  await lane?.stop();
});

const requests = {
  undeploy: { vendor: 'soar', method: 'POST', path: '/apps/101/undeploy' },
  regenerate: { vendor: 'soar', method: 'PUT', path: '/apikeys/17' },
  'update secret': { vendor: 'soar', method: 'PUT', path: '/apps/102/secrets/' },
  probe: { vendor: 'soar', method: 'GET', path: '/rest/session' },
  deploy: { vendor: 'soar', method: 'POST', path: '/apps/102/deploy' },
};

describe.each(Object.keys(requests) as (keyof typeof requests)[])('a worker that is killed at %s', (step) => {
  it.each(['before', 'after'] as const)('%s the effect leaves a rotation that completes', async (when) => {
    await lane.fresh();
    const workers = lane.workers.length;
    await lane.ask('POST', '/faults', { ...requests[step], when, action: 'kill-worker' });
    await lane.rotate('soar/enrichment');
    await expectInPlaceConverged(lane, await lane.settled('soar/enrichment'));
    expect(lane.workers.length).toBeGreaterThan(workers);
  });
});

describe('a request whose reply is lost', () => {
  it.each(['regenerate', 'update secret', 'deploy'] as const)('at %s is dealt with', async (step) => {
    await lane.fresh();
    await lane.ask('POST', '/faults', { ...requests[step], when: 'after', action: 'drop' });
    await lane.rotate('soar/enrichment');
    await expectInPlaceConverged(lane, await lane.settled('soar/enrichment'));
  });
});
