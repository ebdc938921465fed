/**
 * Both rotations, end to end: a worker process, live traffic, a real Temporal server and a real
 * PostgreSQL.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../workflows/contract.js';
import { Lane } from '../support/lane.js';
import { workflowIn } from '../support/workflow.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
  await lane.fresh(['datadog/agents', 'soar/enrichment']);
});
afterAll(() => lane?.stop());

async function cost(credential: string) {
  const { events } = await (await workflowIn(lane, credential)).fetchHistory();
  const activities = events?.filter((e) => e.activityTaskScheduledEventAttributes).length ?? 0;
  return { events: events?.length ?? 0, activities };
}

describe('an overlap rotation of four live consumers', () => {
  it('moves everyone to a new key and ends the old one, with no refused request', async () => {
    const [before] = (await lane.keys('datadog')).filter((k) => k.name === 'agents');
    const report = (await (await lane.rotate('datadog/agents')).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'completed', sequence: 'overlap', generation: 2 });

    const traffic = (await lane.traffic()).filter((t) => t.vendor === 'datadog');
    expect(traffic.map((t) => [t.app, t.refused, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0]));
    const keys = await lane.keys('datadog');
    expect(keys.find((k) => k.id === before!.id)?.state).toBe('deleted');
    expect(keys.filter((k) => k.name.startsWith('agents') && k.state === 'live')).toHaveLength(1);
    expect(new Set(traffic.map((t) => t.fingerprint)).size).toBe(1);

    // Whom it was planned for stands in the run, as they said themselves.
    const planned = await lane.database.query<{ store: string | null; hosts: object }>(
      'select store_identity as store, host_identities as hosts from runs where id = $1',
      [report.run],
    );
    expect(planned.rows).toEqual([{ store: expect.any(String) as string, hosts: { machines: expect.any(String) as string } }]);

    const { rows } = await lane.database.query(
      `select generation, state from versions where credential = 'datadog/agents' order by generation`,
    );
    expect(rows).toEqual([
      { generation: 1, state: 'revoked' },
      { generation: 2, state: 'active' },
    ]);
    const spent = await cost('datadog/agents');
    console.log('overlap, four consumers:', spent);
    // One consumer may cost 12 activities and 110 events, a further one 4 activities.
    expect(spent.activities).toBeLessThanOrEqual(12 + 3 * 4);
  });
});

describe('an in-place rotation of two apps on one key', () => {
  it('changes the secret while nothing runs, loses no work and logs in without a failure', async () => {
    const report = (await (await lane.rotate('soar/enrichment')).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'completed', sequence: 'in-place', generation: 2 });
    expect(report.downtimeMs).toBeGreaterThan(0);

    const traffic = (await lane.traffic()).filter((t) => ['enrichment', 'phishing'].includes(t.app));
    expect(traffic.map((t) => [t.app, t.refused, t.failedLogins, t.lost])).toEqual(traffic.map((t) => [t.app, 0, 0, 0]));
    expect(new Set(traffic.map((t) => t.fingerprint)).size).toBe(1);
    console.log('in place, two apps:', await cost('soar/enrichment'), `${report.downtimeMs} ms down`);
  });
});
