/**
 * Two credentials on one program, whichever host it runs on and however they are rotated: one waits
 * for the other.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { secondCredential } from '../support/second-credential.js';
import { ticketingKeys, withTicketing } from '../support/soar-credentials.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
});
afterAll(() => lane?.stop());

/**
 * From the first change of the program to the confirmation after it, by the database's clock: on
 * the new key, or, after it was stopped, running.
 */
async function changed(credential: string, program: string): Promise<{ from: number; to: number }> {
  const { rows } = await lane.database.query<{ from: Date; to: Date }>(
    `with first as (select run, kind, begun_at from intents
       where run = $1 and kind in ('undeploy', 'distribute') and subject = $2 order by begun_at limit 1)
     select first.begun_at as from, min(o.first_at) as to from first join observations o using (run)
     where o.subject = $2 and o.first_at > first.begun_at and case first.kind
       when 'undeploy' then o.seen->>'state' = 'running' else (o.seen->'instances'->0->>'generation')::int = 2 end
     group by first.begun_at`,
    [`${credential}#2`, program],
  );
  return { from: rows[0]!.from.getTime(), to: rows[0]!.to.getTime() };
}

async function expectOneAfterTheOther(credentials: readonly [string, string], program: string): Promise<void> {
  const [one, other] = [await changed(credentials[0], program), await changed(credentials[1], program)];
  expect(one.to < other.from || other.to < one.from, JSON.stringify({ one, other })).toBe(true);
}

describe('two credentials on one program', () => {
  it('are handed out one after the other: neither restarts it under the other', async () => {
    await lane.fresh(['datadog/agents']);
    await lane.apply(await secondCredential(lane));
    const strangers = await strangersOf(lane);
    // Both want web-1 at the same time; its restart takes long enough for the second to come upon
    // the first.
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
    await expectOneAfterTheOther(['datadog/agents', 'datadog/extras'], 'web-1');
  });
});

describe('two credentials on one SOAR app, one for each of its parts', () => {
  const [first, second] = ['soar/ticketing', 'soar/assets'] as const;
  const live = async () => (await lane.keys('soar')).filter(({ state }) => state === 'live');
  const ticketing = async () => (await lane.traffic()).find(({ app }) => app === 'ticketing')!;

  it.each([
    ['in-place', 'in-place'],
    ['in-place', 'overlap'],
    ['overlap', 'overlap'],
  ] as const)('%s and %s: it is changed for one after the other, and neither key takes the other with it', async (one, other) => {
    await lane.fresh(['soar/ticketing'], (text) => withTicketing(lane, text, { [first]: one, [second]: other }));
    const strangers = (await live()).map(({ id }) => id).filter((id) => !(Object.values(ticketingKeys) as string[]).includes(id));
    await Promise.all([lane.rotate(first), lane.rotate(second)]);
    for (const credential of [first, second]) {
      const { outcome, reason, waits_for } = await lane.settled(credential);
      expect(outcome, `${credential}: ${reason ?? waits_for?.text}`).toBe('completed');
    }
    await expectOneAfterTheOther([first, second], 'ticketing');

    const before = (await ticketing()).accepted;
    await lane.until('both parts to go on', async () => (await ticketing()).accepted > before + 5);
    const { refused, failedLogins, lost, fingerprint } = await ticketing();
    expect({ refused, failedLogins, lost }).toEqual({ refused: 0, failedLogins: 0, lost: 0 });
    const { rows } = await lane.database.query<{ credential: string; key_id: string; fingerprint: string }>(
      `select credential, key_id, fingerprint from versions where state = 'active' and generation = 2 order by credential desc`,
    );
    expect(rows.map((row) => row.credential)).toEqual([first, second]);
    expect(rows[0]!.fingerprint).toBe(fingerprint);
    const left = (await live()).filter(({ id }) => !strangers.includes(id));
    expect(left.map(({ id }) => id).sort()).toEqual(rows.map((row) => row.key_id).sort());
  });
});

async function ownedBy(credential: string): Promise<string[]> {
  const { rows } = await lane.database.query<{ key_id: string }>('select key_id from versions where credential = $1', [
    credential,
  ]);
  return rows.map((row) => row.key_id);
}
