/**
 * PostgreSQL is set back by its last commits in the middle of a rotation: what was lost is noticed,
 * put back or done again, and nothing is destroyed on a guess.
 */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectInPlaceConverged, expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';
import { copyLedger, setBackLedger } from '../support/set-back.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
});
afterAll(() => lane?.stop());

// A case that failed must not spoil the next one.
afterEach(async () => {
  for (const credential of [agents, enrichment])
    await lane.client.workflow
      .getHandle(`rotation/${credential}`)
      .terminate('the case is over')
      .catch(() => undefined);
});

const agents = 'datadog/agents' as const;
const enrichment = 'soar/enrichment' as const;
const isIn = (credential: string, phase: string) =>
  lane.until(`${credential} to be ${phase}`, async () => (await lane.rotation(credential))?.phase === phase);
const done = (key: string) =>
  lane.until(
    `${key} to be done`,
    async () => (await lane.database.query('select 1 from steps where key like $1 and outcome is not null', [key])).rowCount,
  );

/** From the copy to the moment at which it is swapped in. */
type Lost = readonly [name: string, copied: 'before it began' | (() => Promise<unknown>), swapped: () => Promise<unknown>];

const overlap: readonly Lost[] = [
  ['all of the rotation, in distributing', 'before it began', () => done('distribute/wave-1/%')],
  ['the mint and the first hand-out', () => done('plan'), () => done('distribute/wave-1/%')],
  ['the revoke', () => isIn(agents, 'draining'), () => done('revoke/1')],
];

const inPlace: readonly Lost[] = [
  ['undeploys', () => done('plan'), () => done('undeploy/%')],
  ['the regenerate, with the apps up again', () => isIn(enrichment, 'undeploying'), () => done('deploy/%')],
];

async function behind(credential: string, [, copied, swapped]: Lost): Promise<void> {
  if (copied === 'before it began') await copyLedger(lane.database);
  await lane.rotate(credential);
  if (copied !== 'before it began') {
    await copied();
    await copyLedger(lane.database);
  }
  await swapped();
  await setBackLedger(lane.database);
}

/** It must have been noticed, or the case has shown nothing. */
async function expectNoticed(credential: string): Promise<void> {
  const { rowCount } = await lane.database.query(`select 1 from audit_events where credential = $1 and kind = 'ledger-behind'`, [
    credential,
  ]);
  expect(rowCount).toBeGreaterThan(0);
}

describe('an overlap rotation goes on behind a ledger that has lost', () => {
  it.each(overlap)('%s', async (...lost) => {
    await lane.fresh([agents]);
    const strangers = await strangersOf(lane);
    await behind(agents, lost);
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
    await expectNoticed(agents);
  });

  it('the turn back, and still goes back', async () => {
    await lane.fresh([agents]);
    const strangers = await strangersOf(lane);
    await lane.rotate(agents);
    await done('distribute/wave-1/%');
    await copyLedger(lane.database);
    await say(lane, agents, 'abort');
    await lane.until('the way back', async () => (await lane.rotation(agents))?.direction === 'back');
    await setBackLedger(lane.database);
    await expectOverlapConverged(lane, await lane.settled(agents), strangers, 'compensated');
    await expectNoticed(agents);
  });
});

describe('an in-place rotation goes on behind a ledger that has lost', () => {
  it.each(inPlace)('%s', async (...lost) => {
    await lane.fresh([enrichment]);
    await behind(enrichment, lost);
    await expectInPlaceConverged(lane, await lane.settled(enrichment));
    await expectNoticed(enrichment);
  });
});

describe('a ledger that was set back behind a rotation that had ended', () => {
  it('is brought to the truth by the sweep: the old key is gone, and nobody is handed it', async () => {
    await lane.fresh([agents]);
    const strangers = await strangersOf(lane);
    await lane.rotate(agents);
    await isIn(agents, 'draining');
    await copyLedger(lane.database);
    expect(await lane.settled(agents)).toMatchObject({ outcome: 'completed' });
    await setBackLedger(lane.database);
    await lane.client.schedule.getHandle('rekey-sweep').trigger();
    await expectOverlapConverged(
      lane,
      await lane.until('it to end again', async () => {
        const rotation = await lane.rotation(agents);
        return rotation?.outcome || rotation?.waits_for?.person ? rotation : undefined;
      }),
      strangers,
    );
  });
});
