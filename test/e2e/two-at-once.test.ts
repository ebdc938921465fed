/** Two credentials on one program: one waits for the other. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { secondCredential } from '../support/second-credential.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(14);
});
afterAll(() => lane?.stop());

/** From the first hand-out to the confirmation after it, by the database's clock. */
async function handedOut(credential: string): Promise<{ from: number; to: number }> {
  const { rows } = await lane.database.query<{ from: Date; to: Date }>(
    `select min(i.begun_at) as from, (select min(o.seen_at) from observations o where o.rotation = i.rotation and o.subject = 'web-1' and o.seen_at > min(i.begun_at)
       and (o.seen->'instances'->0->>'generation')::int = 2) as to
     from intents i where i.rotation = $1 and i.kind = 'hand-out' and i.subject = 'web-1' group by i.rotation`,
    [`${credential}#2`],
  );
  return { from: rows[0]!.from.getTime(), to: rows[0]!.to.getTime() };
}

describe('two credentials on one program', () => {
  it('are handed out one after the other: neither restarts it under the other', async () => {
    await lane.fresh();
    await lane.apply(await secondCredential(lane));
    const strangers = await strangersOf(lane);
    // Both want web-1 at the same time; its restart takes long enough for the second to come upon the first.
    await lane.ask('POST', '/faults', {
      vendor: 'host',
      method: 'POST',
      path: '/web-1/restart',
      when: 'before',
      action: 'delay',
      delayMs: 800,
      times: 10,
    });
    await Promise.all([lane.rotate('datadog/agents'), lane.rotate('datadog/extras')]);
    const [agents, extras] = await Promise.all([lane.settled('datadog/agents'), lane.settled('datadog/extras')]);
    expect(extras, extras.reason ?? JSON.stringify(extras.waits_for)).toMatchObject({ outcome: 'completed' });
    await expectOverlapConverged(lane, agents, strangers.concat(await ownedBy('datadog/extras')));

    const [one, other] = [await handedOut('datadog/agents'), await handedOut('datadog/extras')];
    expect(one.to < other.from || other.to < one.from, JSON.stringify({ one, other })).toBe(true);
  });
});

async function ownedBy(credential: string): Promise<string[]> {
  const { rows } = await lane.database.query<{ key_id: string }>('select key_id from versions where credential = $1', [
    credential,
  ]);
  return rows.map((row) => row.key_id);
}
