/** The worker of an overlap rotation is killed with -9, before a request and after its effect; another one goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
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
  mint: { vendor: 'datadog', method: 'POST', path: '^/api/v2/api_keys$' },
  'hand-out': { vendor: 'host', method: 'POST', path: '/web-1/restart' },
  confirm: { vendor: 'host', method: 'GET', path: '/reporter/status' },
  revoke: { vendor: 'datadog', method: 'DELETE', path: '^/api/v2/api_keys/' },
};

describe.each(Object.keys(requests) as (keyof typeof requests)[])('a worker that is killed at %s', (step) => {
  it.each(['before', 'after'] as const)('%s the effect leaves a rotation that completes', async (when) => {
    await lane.fresh();
    const strangers = await strangersOf(lane);
    const workers = lane.workers.length;
    await lane.ask('POST', '/faults', { ...requests[step], when, action: 'kill-worker' });
    await lane.rotate('datadog/agents');
    await expectOverlapConverged(lane, await lane.settled('datadog/agents'), strangers);
    // The fault must have hit, or the case has shown nothing.
    expect(lane.workers.length).toBeGreaterThan(workers);
  });
});

describe('a request whose reply is lost', () => {
  it.each(['mint', 'revoke', 'hand-out'] as const)('at %s is found again, and nothing is done twice', async (step) => {
    await lane.fresh();
    const strangers = await strangersOf(lane);
    const { id } = await lane.ask<{ id: string }>('POST', '/faults', { ...requests[step], when: 'after', action: 'drop' });
    await lane.rotate('datadog/agents');
    await expectOverlapConverged(lane, await lane.settled('datadog/agents'), strangers);
    const hit = (await lane.ask<{ id: string; hits: number }[]>('GET', '/faults')).find((f) => String(f.id) === String(id));
    expect(hit?.hits).toBe(1);
  });
});

describe('a rotation that goes back', () => {
  it('because it was aborted gives everyone the old key, and removes the new one', async () => {
    await lane.fresh();
    const strangers = await strangersOf(lane);
    const [before] = (await lane.keys('datadog')).filter((k) => k.name === 'agents');
    await lane.rotate('datadog/agents');
    await lane.until(
      'the canary to be done',
      async () =>
        (await lane.database.query(`select 1 from steps where key = 'hand-out/wave-2/web-2' or key like 'hand-out/wave-2%'`))
          .rowCount,
    );
    const handle = lane.client.workflow.getHandle('rotation/datadog/agents');
    await handle.executeUpdate('abort', { args: [{ by: 'test', expectedPhase: null, reason: 'a test', consumer: null }] });
    await expectOverlapConverged(lane, await lane.settled('datadog/agents'), strangers, 'compensated');
    expect((await lane.keys('datadog')).find((k) => k.id === before!.id)?.state).toBe('live');
  });

  it('refuses a verb that is illegal, without a trace in history', async () => {
    const handle = lane.client.workflow.getHandle('rotation/datadog/agents');
    await lane.fresh();
    await lane.rotate('datadog/agents');
    await lane.until('it to prepare', async () => (await lane.rotation('datadog/agents'))?.phase === 'preparing');
    await expect(
      handle.executeUpdate('approve', { args: [{ by: 'test', expectedPhase: null, reason: null, consumer: null }] }),
    ).rejects.toThrow();
    await lane.settled('datadog/agents');
    const { events } = await handle.fetchHistory();
    expect(events?.some((e) => e.workflowExecutionUpdateAcceptedEventAttributes)).toBe(false);
  });
});
