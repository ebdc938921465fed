/**
 * A key that has leaked, rotated and contained: whatever request meets whatever fault, it is dead
 * in the end, and nobody is on it or was refused for nothing.
 */
import { afterAll, beforeAll, it } from 'vitest';
import { expectAllHold, expectDocumented } from './cases.js';
import { casesOfIncidents, type OfIncident, recordIncidents } from './incidents.js';
import { type Lanes, startLanes } from './lanes.js';
import { all, vendorOf } from './run.js';

let started: Lanes;
let recorded: readonly OfIncident[];
beforeAll(async () => {
  started = await startLanes(all.map(vendorOf));
  recorded = await recordIncidents(started.lanes[0]!);
}, 600_000);
afterAll(() => started?.stop());

it('meets every crash point that the documents name, and no other', () =>
  expectDocumented(
    'Incidents',
    recorded.map(({ point }) => point),
  ));

it('ends with the leaked key dead and replaced, whatever request meets whatever fault', async () => {
  await expectAllHold('incidents', started.lanes, casesOfIncidents(recorded));
}, 1_200_000);
