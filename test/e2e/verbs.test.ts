/** What operators say, at every moment of both sequences: what is legal has its effect, what is not leaves no trace in history. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectInPlaceConverged, expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane, sleep } from '../support/lane.js';
import { inPlaceMoments, isIn, type Moment, named, overlapMoments, reach, say } from '../support/moments.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
});
afterAll(() => lane?.stop());
const agents = 'datadog/agents';
const enrichment = 'soar/enrichment';
// A case that failed must not spoil the next one.
afterEach(async () => {
  for (const credential of [agents, enrichment])
    await lane.client.workflow
      .getHandle(`rotation/${credential}`)
      .terminate('the case is over')
      .catch(() => undefined);
});

const verbs = ['approve', 'reject', 'pause', 'resume', 'retry', 'skip', 'exempt', 'expedite', 'abort'];

/** What docs/lifecycle.md says of each moment; at none of them it waits at a gate, is paused, or has failed. */
const legal = new Map<Moment, readonly string[]>([
  // Before the plan is frozen there is nobody to exempt.
  [overlapMoments[0]!, ['pause', 'expedite', 'abort']],
  [overlapMoments[1]!, ['pause', 'exempt', 'expedite', 'abort']],
  [overlapMoments[2]!, ['pause', 'exempt', 'expedite', 'abort']],
  [overlapMoments[3]!, ['pause', 'exempt', 'expedite', 'abort']],
  [overlapMoments[4]!, ['pause', 'exempt']],
  [overlapMoments[5]!, ['pause', 'exempt']],
  [overlapMoments[6]!, ['pause', 'exempt']],
  [inPlaceMoments[0]!, ['exempt', 'abort']],
  [inPlaceMoments[1]!, ['exempt']],
  [inPlaceMoments[2]!, ['exempt']],
  [inPlaceMoments[3]!, ['exempt']],
  [inPlaceMoments[4]!, ['exempt']],
  [inPlaceMoments[5]!, ['exempt']],
]);

async function updatesTaken(credential: string): Promise<number> {
  const { events } = await lane.client.workflow.getHandle(`rotation/${credential}`).fetchHistory();
  return (events ?? []).filter((e) => e.workflowExecutionUpdateAcceptedEventAttributes).length;
}

/** Every illegal verb is refused, and what can be asked for is exactly what is legal. */
async function expectRefusals(credential: string, moment: Moment, consumer: string): Promise<void> {
  const before = await updatesTaken(credential);
  const may = legal.get(moment)!;
  for (const verb of verbs.filter((v) => !may.includes(v)))
    await expect(say(lane, credential, verb, consumer), `${verb} while ${moment.phase}`).rejects.toThrow();
  expect(await updatesTaken(credential)).toBe(before);
  const asked = await lane.client.workflow.getHandle(`rotation/${credential}`).query('legalVerbs');
  expect(asked).toEqual(verbs.filter((v) => may.includes(v)));
}

describe('illegal verbs are refused without a trace', () => {
  it.each(named(overlapMoments))('overlap: %s', async (_, moment) => {
    const strangers = await reach(lane, agents, moment, 2_500);
    await expectRefusals(agents, moment, 'web-1');
    await expectOverlapConverged(lane, await lane.settled(agents), strangers, moment.aborted ? 'compensated' : 'completed');
  });

  it.each(named(inPlaceMoments))('in place: %s', async (_, moment) => {
    await reach(lane, enrichment, moment, 1_800);
    await expectRefusals(enrichment, moment, 'phishing');
    await expectInPlaceConverged(lane, await lane.settled(enrichment), moment.aborted ? 'compensated' : 'completed');
  });
});

/** A rotation with a policy of its own, begun. */
async function begun(edit: (text: string) => string): Promise<readonly string[]> {
  await lane.fresh();
  const strangers = await strangersOf(lane);
  await lane.apply(edit);
  await lane.rotate(agents);
  return strangers;
}

describe('legal verbs', () => {
  it('abort, said twice and by two at once, goes back once', async () => {
    const strangers = await reach(lane, agents, overlapMoments[2]!);
    const said = await Promise.allSettled([
      say(lane, agents, 'abort'),
      say(lane, agents, 'expedite'),
      say(lane, agents, 'abort'),
    ]);
    expect(said[0]!.status).toBe('fulfilled');
    await lane.until('the way back', async () => (await lane.rotation(agents))?.direction === 'back');
    await expect(say(lane, agents, 'abort')).rejects.toThrow();
    await expectOverlapConverged(lane, await lane.settled(agents), strangers, 'compensated');
  });

  it('abort that is still being written down is not overtaken by the regenerate that it is to prevent', async () => {
    await lane.fresh();
    const hold = { vendor: 'soar', method: 'GET', path: '/apps/101$', after: { vendors: ['soar'], changes: 2 } };
    const { id } = await lane.ask<{ id: string }>('POST', '/faults', { ...hold, when: 'before', action: 'hold' });
    await lane.rotate(enrichment);
    await lane.until('the look at what was stopped', async () =>
      (await lane.ask<{ id: string; held: number }[]>('GET', '/faults')).some((f) => f.id === id && f.held === 1),
    );
    // The look is written down first; the abort, which was accepted before the run heard of that look, cannot be.
    const said = await lane.database.transaction(async (trail) => {
      await trail.query('lock table audit_events in share mode');
      const abort = await lane.database.transaction(async (row) => {
        await row.query(`select from rotations where credential = $1 and outcome is null for update`, [enrichment]);
        await lane.ask('POST', `/faults/${id}/release`);
        await sleep(1_000);
        const asked = say(lane, enrichment, 'abort');
        await sleep(1_000);
        return { asked };
      });
      // Longer than a workflow task waits for what it has begun.
      await sleep(3_000);
      return abort;
    });
    await said.asked;
    expect(await lane.settled(enrichment)).toMatchObject({ outcome: 'compensated' });
  });

  it('pause stands still between steps, and resume goes on', async () => {
    const strangers = await reach(lane, agents, overlapMoments[2]!);
    await say(lane, agents, 'pause');
    await lane.until('the pause', async () => (await lane.rotation(agents))?.waits_for?.text.includes('resume'));
    const steps = () => lane.database.query('select key from steps').then(({ rowCount }) => rowCount);
    const before = await steps();
    await sleep(1_500);
    expect(await steps()).toBe(before);
    await expect(say(lane, agents, 'pause')).rejects.toThrow();
    await say(lane, agents, 'resume');
    await lane.until('it to go on', async () => (await lane.rotation(agents))?.waits_for?.person !== true);
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
  });

  it('expedite ends the grace, never the lag of the store', async () => {
    const strangers = await begun((text) => text.replace('grace: 2s', 'grace: 10m'));
    await isIn(lane, agents, 'draining');
    await say(lane, agents, 'expedite');
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
  });

  it('skip ends a bake', async () => {
    const strangers = await begun((text) => text.replace('bake: 500ms', 'bake: 10m'));
    for (let bakes = 0; bakes < 3; bakes++) {
      const skipped = await lane.until('a bake', async () => {
        const rotation = await lane.rotation(agents);
        if (rotation?.phase === 'draining' || rotation?.outcome) return 'over';
        return say(lane, agents, 'skip').then(
          () => 'skipped',
          () => undefined,
        );
      });
      if (skipped === 'over') break;
    }
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
  });

  it('exempt goes on without a consumer that does not come back, and counts it apart', async () => {
    await reach(lane, agents, overlapMoments[2]!);
    await lane.ask('POST', '/apps/web-2/refuse-start', { on: true });
    await lane.ask('POST', '/apps/web-2/crash');
    await say(lane, agents, 'exempt', 'web-2');
    expect(await lane.settled(agents)).toMatchObject({ outcome: 'completed', exempt: [{ consumer: 'web-2', reason: 'a test' }] });
    const others = (await lane.traffic()).filter((t) => t.vendor === 'datadog' && t.app !== 'web-2');
    expect(others.map((t) => [t.app, t.refused, t.lost])).toEqual(others.map((t) => [t.app, 0, 0]));
  });

  it('reject at the first gate changes nothing; approve at both goes through', async () => {
    const gates = (text: string) => text.replace('grace: 2s', 'grace: 2s, approve: [start, take-away]');
    const atGate = (gate: string) =>
      lane.until(`the gate ${gate}`, async () => (await lane.rotation(agents))?.waits_for?.text.includes(`(${gate})`));
    await begun(gates);
    await atGate('start');
    await say(lane, agents, 'reject');
    expect(await lane.settled(agents)).toMatchObject({ outcome: 'refused' });

    const strangers = await begun(gates);
    await atGate('start');
    await say(lane, agents, 'approve');
    await atGate('take-away');
    expect((await lane.keys('datadog')).filter((k) => k.state === 'live' && !strangers.includes(k.id))).toHaveLength(2);
    await say(lane, agents, 'approve');
    await lane.until('it to end', async () => (await lane.rotation(agents))?.outcome);
    await expectOverlapConverged(lane, (await lane.rotation(agents))!, strangers);
  });
});
