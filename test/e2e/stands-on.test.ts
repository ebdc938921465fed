/**
 * A host that is pointed elsewhere under an open rotation, by a configuration or by itself: nobody
 * is handed anything there, nothing is believed of it, and the key of the old place lives on.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { rekey } from '../support/command-line.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';
import { type Receiver, startReceiver } from '../support/receiver.js';

let lane: Lane;
let receiver: Receiver;
const agents = 'datadog/agents';
beforeAll(async () => {
  lane = await Lane.start(['datadog']);
});
afterAll(() => lane?.stop());

/** The sandbox's credential, used by two programs behind the receiver; the second goes later. */
const edited =
  (change: (document: Loose) => void = () => undefined) =>
  (text: string): string => {
    const document: Loose = parse(text);
    const signingKey = `file:${path.join(path.dirname(lane.config), 'secrets', 'datadog-api-key')}`;
    document.hosts.gate = { kind: 'webhook', url: receiver.url, management: { signingKey } };
    document.credentials[agents].consumers = [
      { name: 'first', host: 'gate' },
      { name: 'second', host: 'gate' },
    ];
    document.credentials[agents].rollout = { canary: 1, wave: 1, bake: '10m' };
    change(document);
    return stringify(document);
  };
// biome-ignore lint/suspicious/noExplicitAny: what a file says is not known to a compiler
type Loose = any;

const liveKeys = async () => (await lane.keys('datadog')).filter((k) => k.name.startsWith('agents') && k.state === 'live').length;
/** The first program proved the new key: nobody looks at its host until the bake ends. */
const baking = () =>
  lane.until('the bake', async () => (await lane.rotation(agents))?.waits_for?.text === 'wave 1 to show that it does well');
const waitsForPerson = async () => (await lane.settled(agents)).waits_for?.text;

beforeEach(async () => {
  // The account begins anew, with a key that the program behind the receiver alone works with.
  await lane.fresh([agents], undefined, []);
  receiver = await startReceiver((await lane.keys('datadog')).find((k) => k.name === 'agents')!.value);
  await lane.apply(edited());
});
afterEach(() => receiver.close());

describe('a host under an open rotation', () => {
  it('is not pointed elsewhere by a configuration: the run and the part are named, and the rotation goes on', async () => {
    await lane.rotate(agents);
    await baking();
    const elsewhere = edited((d) => (d.hosts.gate.url = 'http://127.0.0.1:9/'));
    await expect(lane.apply(elsewhere)).rejects.toMatchObject({
      cause: {
        type: 'KR_SPEC_FROZEN',
        message: 'datadog/agents#2 is open and stands on it: hosts.gate would be changed (url)',
      },
    });
    await expect(lane.apply(edited((d) => (d.stores.datadog.organisation = 'other')))).rejects.toThrow();
    await say(lane, agents, 'expedite');
    expect(await lane.settled(agents)).toMatchObject({ outcome: 'completed' });
    expect([await liveKeys(), receiver.changes.filter((c) => c.startsWith('deliver'))]).toEqual([
      1,
      ['deliver first', 'deliver second'],
    ]);
  });

  it('that is another machine by now is sent nothing, and both keys live until a person has looked', async () => {
    await lane.rotate(agents);
    await baking();
    receiver.identity = 'another machine';
    const before = [...receiver.changes];
    await say(lane, agents, 'expedite');
    expect(await waitsForPerson()).toMatch(/KR_TARGET_CHANGED: host gate was the machine .* is another machine/);
    expect([await liveKeys(), receiver.changes]).toEqual([2, before]);
    receiver.identity = 'the machine';
    await say(lane, agents, 'retry');
    expect(await lane.settled(agents)).toMatchObject({ outcome: 'compensated' });
    expect([await liveKeys(), receiver.changes.at(-1)]).toEqual([1, 'apply first']);
  });

  it('runs a program that is corrected while nothing was done to it, and none that has the new key', async () => {
    await lane.rotate(agents);
    await baking();
    const file = path.join(lane.folder, 'corrected.yaml');
    const corrected = edited((d) => {
      for (const [at, target] of ['primus', 'secundus'].entries()) d.credentials[agents].consumers[at].target = target;
    });
    writeFileSync(file, corrected(lane.declared()));
    const amend = (name: string) => rekey(lane, ['amend', `${agents}#2`, name, '-f', file, '--reason', 'a test', '--json']);
    expect((await amend('first')).json).toMatchObject({ error: { code: 'KR_VERB_ILLEGAL' } });
    const { status, text } = await amend('second');
    expect(status, text).toBe(0);
    await say(lane, agents, 'expedite');
    expect(await lane.settled(agents)).toMatchObject({ outcome: 'completed' });
    expect(receiver.changes.filter((c) => c.startsWith('deliver'))).toEqual(['deliver first', 'deliver secundus']);
  });
});
