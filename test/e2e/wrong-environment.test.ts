/**
 * Cloudflare's R2 outage of 21 March 2025, replayed: a new key is deployed to the wrong
 * environment, the old one deleted, and harm comes an hour later.
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

const host = (name: string) => path.join(path.dirname(lane.config), 'hosts', name, 'datadog.yaml');

/** The operator's mistake: web-2's key is written where the staging machine would read it. */
async function wrongEnvironment(): Promise<readonly string[]> {
  await lane.fresh(['datadog/agents']);
  const strangers = await strangersOf(lane);
  await lane.apply((text) => text.replaceAll(host('web-2'), host('staging')));
  return strangers;
}

describe('a key that goes to the wrong environment', () => {
  it('is refused before any change where the file there does not hold the current key', async () => {
    mkdirSync(path.dirname(host('staging')), { recursive: true });
    copyFileSync(host('web-2'), host('staging'));
    await wrongEnvironment();
    // The sandbox has begun anew, and staging holds the key of before.
    await lane.rotate('datadog/agents');
    expect(await lane.settled('datadog/agents')).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('web-2') as string,
    });
  });

  it('goes back with both keys alive where it does: the program never proves to use the new one, and rekey says which', async () => {
    const strangers = await wrongEnvironment();
    await lane.apply((text) => text.replaceAll(host('web-2'), host('staging')).replace('grace: 2s', 'grace: 2s, confirm: 20s'));
    copyFileSync(host('web-2'), host('staging'));
    const before = readFileSync(host('web-2'), 'utf8');
    const [old] = (await lane.keys('datadog')).filter((k) => k.name === 'agents');
    await lane.rotate('datadog/agents');
    const rotation = await lane.settled('datadog/agents');
    expect(rotation.reason).toMatch(/web-2.*generation 1.*instead of generation 2/);
    // The old key was never touched, and neither was production's file.
    expect((await lane.keys('datadog')).find((k) => k.id === old!.id)?.state).toBe('live');
    expect(readFileSync(host('web-2'), 'utf8')).toBe(before);
    await expectOverlapConverged(lane, rotation, strangers, 'compensated');
  });
});
