/**
 * The workflow of a rotation is gone, terminated or reset: the sweep brings it back from the
 * ledger, in its recorded direction, with requests of the run before on their way.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectInPlaceConverged, expectOverlapConverged } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { inPlaceMoments, type Moment, named, overlapMoments, reach } from '../support/moments.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
});
afterAll(() => lane?.stop());

const handle = (credential: string) => lane.client.workflow.getHandle(`rotation/${credential}`);
const sweep = () => lane.client.schedule.getHandle('rekey-sweep').trigger();

async function comesBack(credential: string, moment: Moment): Promise<void> {
  const before = (await lane.rotation(credential))!;
  await sweep();
  const after = await lane.settled(credential);
  expect(after.id).toBe(before.id);
  expect(Number(after.fence)).toBeGreaterThan(Number(before.fence));
  expect(after.direction).toBe(moment.aborted ? 'back' : before.direction);
}

describe('a workflow that was terminated is brought back by the sweep', () => {
  it.each(named([overlapMoments[2]!, overlapMoments[4]!, overlapMoments[6]!]))('overlap: %s', async (_, moment) => {
    const strangers = await reach(lane, 'datadog/agents', moment);
    await handle('datadog/agents').terminate('a test');
    await comesBack('datadog/agents', moment);
    await expectOverlapConverged(
      lane,
      (await lane.rotation('datadog/agents'))!,
      strangers,
      moment.aborted ? 'compensated' : 'completed',
    );
  });

  it.each(named([inPlaceMoments[1]!, inPlaceMoments[2]!, inPlaceMoments[5]!]))('in place: %s', async (_, moment) => {
    await reach(lane, 'soar/enrichment', moment);
    await handle('soar/enrichment').terminate('a test');
    await comesBack('soar/enrichment', moment);
    await expectInPlaceConverged(lane, (await lane.rotation('soar/enrichment'))!, moment.aborted ? 'compensated' : 'completed');
  });
});

describe('a workflow that was reset to its beginning', () => {
  it.each([
    ['datadog/agents', overlapMoments[2]!],
    ['soar/enrichment', inPlaceMoments[2]!],
  ] as const)('goes on from the ledger: %s', async (credential, moment) => {
    const strangers = await reach(lane, credential, moment);
    const { rows } = await lane.database.query('select workflow_run from runs where outcome is null');
    await lane.client.workflowService.resetWorkflowExecution({
      namespace: lane.namespace,
      workflowExecution: { workflowId: `rotation/${credential}`, runId: (rows[0] as { workflow_run: string }).workflow_run },
      reason: 'a test',
      workflowTaskFinishEventId: 4 as never,
      requestId: crypto.randomUUID(),
    });
    const rotation = await lane.settled(credential);
    if (credential === 'datadog/agents') await expectOverlapConverged(lane, rotation, strangers);
    else await expectInPlaceConverged(lane, rotation);
  });
});
