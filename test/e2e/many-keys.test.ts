/**
 * An incident over many keys of one store, whose workers are killed, and which is stopped: every
 * key dies and is replaced once, and nothing is begun behind a stop.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ways } from '../../workflows/domain/incident.js';
import { type OpenedIncident, openOver, stopIncident } from '../support/incident.js';
import { Lane } from '../support/lane.js';
import {
  answerThroughDeaths,
  doneOf,
  expectEachReplacedOnce,
  type ManyKeys,
  manyKeys,
  replaceAll,
} from '../support/many-keys.js';

const count = 12;
let lane: Lane;
let keys: ManyKeys;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

async function over<Result>(test: () => Promise<Result>): Promise<void> {
  keys = await manyKeys(lane, count);
  try {
    await test();
  } finally {
    await keys.close();
  }
}

describe('an incident over many keys', () => {
  it('has each of them dead and replaced once, although its workers are killed', () =>
    over(async () => {
      const incident = await answerThroughDeaths(lane, keys, 'rotate');
      const { rows } = await lane.database.query('select state, done, failed from incident_status where id = $1', [incident.id]);
      expect(rows).toEqual([{ state: 'closed', done: count, failed: 0 }]);
      await expectEachReplacedOnce(lane, keys);
    }));

  it.each(ways)('by %s begins nothing behind a stop, although its workers are killed just then', (way) =>
    over(async () => {
      const stopped = await openOver(lane, way, keys.names);
      await lane.until('a quarter to be done', async () => (await doneOf(lane, stopped)) >= count / 4);
      await replaceAll(lane);
      await stopIncident(lane, stopped);
      await lane.until('its runs to stand still, or to be over', async () => (await moving(stopped)) === 0);
      expect(await begunBehindStop(stopped)).toEqual([]);
      const left = await leftBy(stopped);
      expect(left.length).toBeGreaterThan(0);

      const next = await openOver(
        lane,
        way,
        left.map((credential) => `${credential}#1`),
      );
      await next.handle.result();
      expect(await doneOf(lane, next)).toBe(left.length);
      await expectEachReplacedOnce(lane, keys);
    }));
});

/** Runs of it that are open and wait for nobody. */
async function moving({ id }: OpenedIncident): Promise<number> {
  const { rows } = await lane.database.query<{ moving: number }>(
    `select count(*)::int as moving from runs r where r.incident = $1 and r.outcome is null
       and not exists (select 1 from waits w where w.run = r.id and w.ended_at is null)`,
    [id],
  );
  return rows[0]!.moving;
}

/** But for runs that were past their point of no return when it was stopped. */
async function begunBehindStop({ id }: OpenedIncident): Promise<readonly unknown[]> {
  const { rows } = await lane.database.query(
    `select n.run, n.step from intents n join runs r on r.id = n.run join incidents i on i.id = r.incident
     where i.id = $1 and n.kind in ('mint', 'disable', 'contain', 'revoke', 'regenerate') and n.begun_at > i.closed_at
       and not exists (select 1 from intents c where c.run = n.run and c.kind in ('contain', 'revoke', 'regenerate')
         and c.begun_at < i.closed_at and c.closed is distinct from 'not-sent')`,
    [id],
  );
  return rows;
}

/** Whose key nothing has come of. */
async function leftBy({ id }: OpenedIncident): Promise<readonly string[]> {
  const { rows } = await lane.database.query<{ credential: string }>(
    `select t.credential from incident_items t join versions v on v.credential = t.credential and v.generation = t.generation
     where t.incident = $1 and v.state <> 'revoked' order by 1`,
    [id],
  );
  return rows.map(({ credential }) => credential);
}
