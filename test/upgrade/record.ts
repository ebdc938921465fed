/**
 * Owns the recording of an installation that later releases must carry on: run `npm run record`
 * before a release, and keep what older ones left.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { Lane } from '../support/lane.js';
import { journalFile, journalOf } from './journal.js';
import { take } from './snapshot.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog', 'soar', 'docspace']);
  await lane.fresh();
});
afterAll(() => lane?.stop());

it('records the names of steps and of what their outcomes hold', async () => {
  writeFileSync(journalFile, `${JSON.stringify(await journalOf(lane), null, 2)}\n`);
  await lane.fresh();
});

it('records a rotation that waits for its approval', async () => {
  await lane.apply((text) => text.replace('grace: 2s', 'grace: 2s, approve: [take-away]'));
  await lane.rotate('datadog/agents');
  await lane.until('the gate', async () => (await lane.rotation('datadog/agents'))?.waits_for?.text.includes('take-away'));
  const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string;
  };
  mkdirSync(path.join(import.meta.dirname, 'releases'), { recursive: true });
  writeFileSync(path.join(import.meta.dirname, 'releases', `${version}.json`), await take(lane));
});
