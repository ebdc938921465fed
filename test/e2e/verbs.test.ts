/**
 * What operators say where it has to reach vendors, programs and the ledger; what is legal when is
 * proved on workflows alone.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane, sleep } from '../support/lane.js';
import { isIn, overlapMoments, reach, say } from '../support/moments.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
});
afterAll(() => lane?.stop());
const agents = 'datadog/agents' as const;
const enrichment = 'soar/enrichment' as const;
// A case that failed must not spoil the next one.
afterEach(async () => {
  for (const credential of [agents, enrichment])
    await lane.client.workflow
      .getHandle(`rotation/${credential}`)
      .terminate('the case is over')
      .catch(() => undefined);
});

/** A rotation with a policy of its own, begun. */
async function begun(edit: (text: string) => string): Promise<readonly string[]> {
  await lane.fresh([agents], edit);
  const strangers = await strangersOf(lane);
  await lane.rotate(agents);
  return strangers;
}

describe('a verb', () => {
  it('abort that is still being written down is not overtaken by the regenerate that it is to prevent', async () => {
    await lane.fresh([enrichment]);
    const hold = { vendor: 'soar', method: 'GET', path: '/apps/101$', after: { vendors: ['soar'], changes: 2 } };
    const { id } = await lane.ask<{ id: string }>('POST', '/faults', { ...hold, when: 'before', action: 'hold' });
    await lane.rotate(enrichment);
    await lane.until('the look at what was stopped', async () =>
      (await lane.ask<{ id: string; held: number }[]>('GET', '/faults')).some((f) => f.id === id && f.held === 1),
    );
    // The look is written down first; the abort, which was accepted before the run heard of that
    // look, cannot be.
    const said = await lane.database.transaction(async (trail) => {
      await trail.query('lock table audit_events in share mode');
      const abort = await lane.database.transaction(async (row) => {
        await row.query(`select from runs where credential = $1 and outcome is null for update`, [enrichment]);
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

  it('expedite ends the grace, never the lag of the store', async () => {
    const strangers = await begun((text) => text.replace('grace: 2s', 'grace: 10m'));
    await isIn(lane, agents, 'draining');
    await say(lane, agents, 'expedite');
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
});
