/** Rotations that rekey starts by itself, and those that come at the wrong time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lane } from '../support/lane.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const closed = () => `${days[(new Date().getUTCDay() + 3) % 7]} 02:00-03:00 UTC`;

/**
 * The policy of both credentials is theirs alone, so that a window can be added in front of
 * `grace`.
 */
const withPolicy = (policy: string) => (text: string) =>
  text.replace('policy: { every: 90d,', `policy: { every: 90d, ${policy},`);

async function fresh(policy: string): Promise<void> {
  await lane.fresh(['datadog/agents'], withPolicy(policy));
}

const due = () => lane.database.query(`update credentials set next_due = clock_timestamp() where name = 'datadog/agents'`);
const plan = () => lane.client.schedule.getHandle('rekey-due').trigger();

async function planned(): Promise<void> {
  await plan();
  await lane.until('the planner to end', async () => {
    const { recentActions, runningActions } = (await lane.client.schedule.getHandle('rekey-due').describe()).info;
    return recentActions.length > 0 && runningActions.length === 0;
  });
}

describe('a rotation outside its window', () => {
  it('is refused before any change, naming the next opening and the way round', async () => {
    await fresh(`window: "${closed()}"`);
    await lane.rotate('datadog/agents');
    const rotation = await lane.settled('datadog/agents');
    expect(rotation).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/opens at .*--outside-window/) as string,
    });
    expect((await lane.database.query('select 1 from intents where kind <> $1', ['plan'])).rowCount).toBe(0);
  });
});

describe('a credential that is due', () => {
  it('has a date that is counted from the age of its key', async () => {
    await fresh('jitter: 0s');
    const { rows } = await lane.database.query(
      `select extract(epoch from c.next_due - v.made_at) as s from credentials c join versions v on v.credential = c.name where c.name = 'datadog/agents'`,
    );
    expect(Number((rows[0] as { s: string }).s)).toBeCloseTo(90 * 86_400, 0);
  });

  it('is rotated, once, and is not due any more', async () => {
    await fresh('window: always');
    await due();
    await Promise.all([plan(), plan()]);
    expect(await lane.settled('datadog/agents')).toMatchObject({ id: 'datadog/agents#2', outcome: 'completed' });
    const { rows } = await lane.database.query(
      `select next_due > clock_timestamp() + interval '89 days' as far from credentials where name = 'datadog/agents'`,
    );
    expect(rows).toEqual([{ far: true }]);
    await planned();
    expect((await lane.rotation('datadog/agents'))?.id).toBe('datadog/agents#2');
  });

  it('is left alone outside its window', async () => {
    await fresh(`window: "${closed()}"`);
    await due();
    await planned();
    expect(await lane.rotation('datadog/agents')).toBeUndefined();
  });

  it('is tried again later when it was refused, not at once', async () => {
    await fresh('window: always');
    await due();
    await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: 1 });
    await plan();
    expect(await lane.settled('datadog/agents')).toMatchObject({ outcome: 'refused' });
    const { rows } = await lane.database.query(
      `select round(extract(epoch from next_due - clock_timestamp()) / 60) as minutes from credentials where name = 'datadog/agents'`,
    );
    expect(Number((rows[0] as { minutes: string }).minutes)).toBe(60);
    await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: 50 });
  });
});
