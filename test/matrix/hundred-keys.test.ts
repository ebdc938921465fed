/**
 * A hundred keys of one store have leaked, and its two workers are killed three times: every key
 * dies and is replaced once. And behind a stop nothing is begun.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ways } from '../../workflows/domain/incident.js';
import { Lane } from '../support/lane.js';
import { answerThroughDeaths, expectEachReplacedOnce, expectNothingBehindStop, manyKeys } from '../support/many-keys.js';

const count = 100;
let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

it.each(ways)('by %s has each of them dead and replaced once', async (way) => {
  const keys = await manyKeys(lane, count);
  const began = performance.now();
  const incident = await answerThroughDeaths(lane, keys, way);
  const took = ((performance.now() - began) / 60_000).toFixed(1);
  const { rows } = await lane.database.query<{ last: number }>(
    `select i.state, i.done, i.failed, (select max(revoked_ms)::int from incident_item_status t where t.incident = i.id) as last
     from incident_status i where i.id = $1`,
    [incident.id],
  );
  console.log(`${count} keys by ${way}: ${took} minutes, the last was dead after ${(rows[0]!.last / 1_000).toFixed(0)} s`);
  expect(rows).toMatchObject([{ state: 'closed', done: count, failed: 0 }]);
  await expectEachReplacedOnce(lane, keys);
  await keys.close();
}, 600_000);

it.each(ways)('by %s begins nothing behind a stop', async (way) => {
  const keys = await manyKeys(lane, 12);
  await expectNothingBehindStop(lane, keys, way);
  await keys.close();
}, 600_000);
