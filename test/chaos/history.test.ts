/** The workflow of a rotation is gone, in any phase: terminated, reset or cancelled. The sweep brings it back from the ledger, in its recorded direction. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectInPlaceConverged, expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(13);
});
afterAll(() => lane?.stop());

interface Moment {
  readonly phase: string;
  /** A request of this phase, which is made to last. */
  readonly slow: { readonly vendor: string; readonly method: string; readonly path: string; readonly body?: string };
  /** It is going back already. */
  readonly aborted?: string;
}

const overlap: readonly Moment[] = [
  { phase: 'preparing', slow: { vendor: 'host', method: 'GET', path: '/reporter/status' } },
  { phase: 'preparing', slow: { vendor: 'datadog', method: 'POST', path: '^/api/v2/api_keys$' } },
  { phase: 'distributing', slow: { vendor: 'host', method: 'POST', path: '/web-2/restart' } },
  { phase: 'draining', slow: { vendor: 'datadog', method: 'GET', path: '^/api/v2/api_keys/' } },
  { phase: 'retiring', slow: { vendor: 'datadog', method: 'DELETE', path: '^/api/v2/api_keys/' } },
  { phase: 'compensating', slow: { vendor: 'host', method: 'POST', path: '/web-1/restart' }, aborted: 'distributing' },
  { phase: 'compensating', slow: { vendor: 'datadog', method: 'DELETE', path: '^/api/v2/api_keys/' }, aborted: 'distributing' },
];

const inPlace: readonly Moment[] = [
  { phase: 'undeploying', slow: { vendor: 'soar', method: 'POST', path: '/undeploy' } },
  { phase: 'regenerating', slow: { vendor: 'soar', method: 'PUT', path: '/apikeys/17' } },
  { phase: 'updating', slow: { vendor: 'soar', method: 'PUT', path: '/secrets/' } },
  { phase: 'updating', slow: { vendor: 'soar', method: 'GET', path: '/rest/session' } },
  { phase: 'deploying', slow: { vendor: 'soar', method: 'POST', path: '/apps/102/deploy' } },
  { phase: 'compensating', slow: { vendor: 'soar', method: 'POST', path: '/apps/101/deploy' }, aborted: 'undeploying' },
];

const handle = (credential: string) => lane.client.workflow.getHandle(`rotation/${credential}`);
const sweep = () => lane.client.schedule.getHandle('rekey-sweep').trigger();
const isIn = (credential: string, phase: string) =>
  lane.until(`${credential} to be ${phase}`, 30_000, async () => (await lane.rotation(credential))?.phase === phase);

/** Brings the rotation to the moment: its request is on the way and takes its time. Answers with the keys that belong to nobody here. */
async function reach(credential: string, { phase, slow, aborted }: Moment): Promise<readonly string[]> {
  await lane.fresh();
  const strangers = await strangersOf(lane);
  await lane.rotate(credential);
  if (aborted) {
    await isIn(credential, aborted);
    if (aborted === 'distributing')
      await lane.until(
        'a hand-out',
        20_000,
        async () => (await lane.database.query(`select 1 from intents where kind = 'hand-out' and closed = 'applied'`)).rowCount,
      );
    await handle(credential).executeUpdate('abort', {
      args: [{ by: 'test', expectedPhase: null, reason: 'a test', consumer: null }],
    });
  }
  if (phase === 'draining') await isIn(credential, phase);
  const { id } = await lane.ask<{ id: string }>('POST', '/faults', {
    ...slow,
    when: 'before',
    action: 'delay',
    delayMs: 1200,
    times: 1,
  });
  await lane.until('the slow request', 30_000, async () =>
    (await lane.ask<{ id: string; hits: number }[]>('GET', '/faults')).some((f) => String(f.id) === String(id) && f.hits > 0),
  );
  await isIn(credential, phase);
  return strangers;
}

async function comesBack(credential: string, moment: Moment): Promise<void> {
  const before = (await lane.rotation(credential))!;
  await sweep();
  const after = await lane.settled(credential);
  expect(after.id).toBe(before.id);
  expect(Number(after.fence)).toBeGreaterThan(Number(before.fence));
  expect(after.direction).toBe(moment.aborted ? 'back' : before.direction);
}

const named = (moments: readonly Moment[]) => moments.map((m) => [`${m.phase}, ${m.slow.method} ${m.slow.path}`, m] as const);

describe('a workflow that was terminated is brought back by the sweep', () => {
  it.each(named(overlap))('overlap: %s', async (_, moment) => {
    const strangers = await reach('datadog/agents', moment);
    await handle('datadog/agents').terminate('a test');
    await comesBack('datadog/agents', moment);
    await expectOverlapConverged(
      lane,
      (await lane.rotation('datadog/agents'))!,
      strangers,
      moment.aborted ? 'compensated' : 'completed',
    );
  });

  it.each(named(inPlace))('in place: %s', async (_, moment) => {
    await reach('soar/enrichment', moment);
    await handle('soar/enrichment').terminate('a test');
    await comesBack('soar/enrichment', moment);
    await expectInPlaceConverged(lane, (await lane.rotation('soar/enrichment'))!, moment.aborted ? 'compensated' : 'completed');
  });
});

describe('a workflow that was reset to its beginning', () => {
  it.each([
    ['datadog/agents', overlap[2]!],
    ['soar/enrichment', inPlace[2]!],
  ] as const)('goes on from the ledger: %s', async (credential, moment) => {
    const strangers = await reach(credential, moment);
    const { rows } = await lane.database.query('select run_id from rotations where outcome is null');
    await lane.client.workflowService.resetWorkflowExecution({
      namespace: lane.namespace,
      workflowExecution: { workflowId: `rotation/${credential}`, runId: (rows[0] as { run_id: string }).run_id },
      reason: 'a test',
      workflowTaskFinishEventId: 4 as never,
      requestId: crypto.randomUUID(),
    });
    const rotation = await lane.settled(credential);
    if (credential === 'datadog/agents') await expectOverlapConverged(lane, rotation, strangers);
    else await expectInPlaceConverged(lane, rotation);
  });
});

describe("a cancel from Temporal's own tools", () => {
  it('means abort before the point of no return', async () => {
    const strangers = await reach('datadog/agents', overlap[2]!);
    await handle('datadog/agents').cancel();
    const r = await lane.settled('datadog/agents');
    if (!r.outcome) {
      console.log('WAITS', JSON.stringify(r.waits_for));
      console.log(
        'STEPS',
        JSON.stringify((await lane.database.query('select key, attempts, outcome from step_status order by began_at')).rows),
        JSON.stringify((await lane.database.query('select kind, body from audit_events order by at desc limit 6')).rows),
      );
    }
    await expectOverlapConverged(lane, await lane.settled('datadog/agents'), strangers, 'compensated');
  });

  it('is without effect beyond it', async () => {
    await reach('soar/enrichment', inPlace[2]!);
    await handle('soar/enrichment').cancel();
    await expectInPlaceConverged(lane, await lane.settled('soar/enrichment'));
  });
});
