/**
 * A program that only a person can change: the key lies ready for that person, whose word is taken
 * only if it holds, under live traffic.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rekey as run } from '../support/command-line.js';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';

const credential = 'datadog/agents' as const;
let lane: Lane;
let folder: string;
let strangers: readonly string[];
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
  folder = path.join(lane.folder, 'handover');
});
afterAll(() => lane?.stop());

/**
 * `web-1` shows its fingerprint to whoever looks; `legacy` is the other program of the wave that
 * nobody but a person reaches.
 */
const byPeople =
  (policy = '') =>
  (text: string) =>
    text
      .replace('hosts:\n', `hosts:\n  people: { kind: manual, folder: "${folder}" }\n`)
      .replace(/\{ name: (web-1|legacy),.*?\} \}/gs, '{ name: $1, host: people, shows: fingerprint }')
      .replace(
        'attributes: { name: agents }\n',
        `attributes: { name: agents }\n    accept: [source-not-shown]\n    rollout: { canary: 0, wave: 100% }\n    ${policy}\n`,
      );

async function fresh(policy?: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  await lane.fresh([credential], byPeople(policy));
  strangers = await strangersOf(lane);
}

const rekey = (...args: string[]) => run(lane, args);

interface Asked {
  readonly id: string;
  readonly text: string;
  readonly instructions: readonly string[];
}

/** What a person is asked, once it is what `text` tells. */
function asked(text: RegExp): Promise<Asked> {
  return lane.until(`a person to be asked: ${text}`, async () => {
    const now = await lane.rotation(credential);
    if (now?.outcome) throw new Error(`${now.outcome}: ${now.reason}`);
    return now?.waits_for && text.test(now.waits_for.text)
      ? { id: now.id, text: now.waits_for.text, instructions: now.waits_for.instructions ?? [] }
      : undefined;
  });
}

const fingerprintOf = async (app: string) => (await lane.traffic()).find((t) => t.app === app)!.fingerprint;
const done = async (id: string, app: string) => rekey('provide', id, '--done', '--fingerprint', await fingerprintOf(app));
const staged = () => readdirSync(folder).filter((name) => !name.startsWith('.'));

/** Says what both programs run on, as it is before the first rotation. */
async function sayFirst(): Promise<string> {
  for (const app of ['web-1', 'legacy']) {
    const { id } = await asked(new RegExp(`say which key is in ${app}$`));
    const taken = await done(id, app);
    expect(taken, taken.text).toMatchObject({ status: 0 });
  }
  return (await lane.rotation(credential))!.id;
}

/** The person's hands: from the file into the program, and a restart. */
async function putIn(app: string): Promise<void> {
  const key = readFileSync(path.join(folder, app), 'utf8').trim();
  const home = path.join(path.dirname(lane.config), 'hosts', app);
  const file = path.join(home, app === 'legacy' ? 'datadog.conf' : 'datadog.yaml');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(/^(api_key\s*[:=]\s*)\w+/m, (_, before: string) => before + key),
  );
  const before = await fingerprintOf(app);
  await lane.ask('POST', `/hosts/apps/${app}/restart`);
  await lane.until(`${app} to have it`, async () => (await fingerprintOf(app)) !== before);
}

describe('a rotation of which two programs are changed by a person', () => {
  beforeEach(() => fresh());

  it('asks for one program after the other, takes only what holds, and refuses nobody meanwhile', async () => {
    await lane.rotate(credential);
    const first = await asked(/say which key/);
    expect(await rekey('provide', first.id, '--done')).toMatchObject({
      status: 1,
      text: expect.stringContaining('say the fingerprint that web-1 shows') as string,
    });
    expect((await rekey('provide', first.id, '--done', '--fingerprint', 'aaaaaaaaaaaa')).text).toContain('not the fingerprint');
    const id = await sayFirst();

    for (let left = 2; left > 0; left--) {
      const { text, instructions } = await asked(/put generation 2 into/);
      const app = text.split(' ').at(-1)!;
      const file = path.join(folder, app);
      expect(instructions.join()).toContain(file);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const key = readFileSync(file, 'utf8').trim();
      const shown = (await rekey('show', id)).text;
      expect(shown).toContain(`rekey provide '${id}' --done`);
      expect(shown).not.toContain(key);
      // It still runs on the key before it, and says so.
      expect((await done(id, app)).text).toContain('this is the fingerprint of generation 1');
      expect((await asked(/put generation 2 into/)).text).toBe(text);
      await putIn(app);
      const taken = await done(id, app);
      expect(taken, taken.text).toMatchObject({ status: 0 });
      await lane.until('the key to be gone', async () => !staged().includes(app));
    }
    await expectOverlapConverged(lane, await lane.settled(credential), strangers);
    expect(staged()).toEqual([]);

    // Next time it is known which key they are on: nobody is asked that again.
    await lane.rotate(credential);
    await lane.until('the next rotation', async () => (await lane.rotation(credential))?.id === `${credential}#3`);
    const { id: next, text } = await asked(/a person/);
    expect(text).toMatch(/put generation 3 into/);
    expect((await rekey('abort', next)).status).toBe(0);
    const goingBack = () =>
      lane.until('the way back', async () => {
        const now = await lane.rotation(credential);
        return now && (now.outcome !== null || /put generation 2 into/.test(now.waits_for?.text ?? '')) ? now : undefined;
      });
    for (let now = await goingBack(); !now.outcome; now = await goingBack())
      await done(next, now.waits_for!.text.split(' ').at(-1)!);
    await expectOverlapConverged(lane, await lane.settled(credential), strangers, 'compensated');
    expect(staged()).toEqual([]);
  });

  it('takes the key away again when the program is exempted, and when its person declines', async () => {
    await lane.rotate(credential);
    const id = await sayFirst();
    const { text } = await asked(/put generation 2 into/);
    const app = text.split(' ').at(-1)!;
    expect((await rekey('exempt', id, app, '--reason', 'gone')).status).toBe(0);
    await lane.until('its key to be gone', async () => !staged().includes(app));

    // What is asked of it stands there until the other one's turn has come.
    await asked(new RegExp(`put generation 2 into (?!${app}$)`));
    expect((await rekey('reject', id, '--reason', 'not today')).status).toBe(0);
    const back = await asked(/put generation 1 into/);
    expect((await done(back.id, back.text.split(' ').at(-1)!)).status).toBe(0);
    await expectOverlapConverged(lane, await lane.settled(credential), strangers, 'compensated');
    expect(staged()).toEqual([]);
  });
});

it('sounds an alarm when it takes long, and concludes nothing from it', async () => {
  await fresh('policy: { approveWithin: 1s, grace: 1s }');
  await lane.rotate(credential);
  const { id, text } = await asked(/say which key is in web-1; overdue/);
  expect(text).toContain('overdue');
  expect((await lane.rotation(credential))!.outcome).toBeNull();
  expect((await lane.keys('datadog')).filter((k) => k.state === 'live' && !strangers.includes(k.id))).toHaveLength(1);
  expect((await rekey('reject', id, '--reason', 'nobody knows')).status).toBe(0);
  expect(await lane.settled(credential)).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining('nobody knows') as string,
  });
});
