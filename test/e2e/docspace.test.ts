/**
 * A rotation at a store that can disable a key: it is switched off, seen to stay off, watched, and
 * only then deleted.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../workflows/contract.js';
import { Lane } from '../support/lane.js';
import { workflowIn } from '../support/workflow.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['docspace']);
  await lane.fresh(['docspace/exports']);
});
afterAll(() => lane?.stop());

interface RequestRow {
  readonly method: string;
  readonly path: string;
  readonly from: string;
}

describe('an overlap rotation of three live programs of a portal', () => {
  it('disables the old key before it deletes it, again where an authentication undid that, with no refused request', async () => {
    const [before] = (await lane.keys('docspace')).filter((key) => key.name === 'exports');
    await lane.ask('POST', '/vendors/docspace/races', { times: 1 });
    const report = (await (await lane.rotate('docspace/exports')).result()) as RunReport;
    expect(report).toMatchObject({ outcome: 'completed', sequence: 'overlap', generation: 2 });

    const traffic = (await lane.traffic()).filter((row) => row.vendor === 'docspace');
    expect(traffic.map((row) => [row.app, row.refused, row.lost])).toEqual(traffic.map((row) => [row.app, 0, 0]));
    expect(traffic.every((row) => row.accepted > 0)).toBe(true);
    expect(new Set(traffic.map((row) => row.fingerprint)).size).toBe(1);

    const asked = (await lane.ask('GET', '/requests?vendor=docspace')) as RequestRow[];
    const changes = asked.filter((row) => row.from === 'rekey' && row.path.endsWith(before!.id)).map((row) => row.method);
    expect(changes).toEqual(['PUT', 'PUT', 'DELETE']);
    expect((await lane.keys('docspace')).find((key) => key.id === before!.id)?.state).toBe('deleted');

    const { events } = await (await workflowIn(lane, 'docspace/exports')).fetchHistory();
    const activities = events?.filter((event) => event.activityTaskScheduledEventAttributes).length ?? 0;
    console.log('overlap with disable, three consumers:', { events: events?.length, activities });
    // One consumer may cost 15 activities where the store can disable, a further one 4.
    expect(activities).toBeLessThanOrEqual(15 + 2 * 4);
  });

  it('leaves every key alone that is not its own', async () => {
    const keys = await lane.keys('docspace');
    const strangers = ['Zapier', 'backup at home', 'old website', 'intern', 'conference app', 'rekey management'];
    expect(keys.filter((key) => strangers.includes(key.name)).map((key) => key.state)).not.toContain('deleted');
    expect(keys.filter((key) => key.name.startsWith('rekey-') && key.state === 'live')).toHaveLength(1);
  });

  it('waits the whole soak where nobody is declared who could be watched', async () => {
    // Its programs are not declared, and do not run: they would use the old key, and be waited for.
    const nobody = (text: string) =>
      text.replace(/soak: 1s/, 'soak: 3s').replace(/ {4}consumers:\n(?: {6}.*\n)+/, '    consumers: none\n');
    await lane.fresh(['docspace/exports'], nobody, []);
    await (await lane.rotate('docspace/exports')).result();
    const { rows } = await lane.database.query<{ seconds: number }>(
      `select extract(epoch from revoked.begun_at - disabled.closed_at)::float as seconds
       from intents disabled join intents revoked on revoked.run = disabled.run
       where disabled.kind = 'disable' and disabled.closed = 'applied' and revoked.kind = 'revoke'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]!.seconds).toBeGreaterThanOrEqual(3);
  });
});
