/** Two credentials on one program, and two installations on one store: one waits for the other, and neither touches what is not its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane, sleep } from '../support/lane.js';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start(14);
});
afterAll(() => lane?.stop());

const inSandbox = (...parts: string[]) => path.join(path.dirname(lane.config), ...parts);
const secret = (name: string) => readFileSync(inSandbox('secrets', name), 'utf8').trim();

/** A second key for the machine of web-1, in a file of its own, whose fingerprint a command shows. */
async function secondCredential(): Promise<(text: string) => string> {
  const { stores } = JSON.parse(JSON.stringify(await configuration())) as { stores: { datadog: { settings: { url: string } } } };
  const made = await fetch(`${stores.datadog.settings.url}/api/v2/api_keys`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'dd-api-key': secret('datadog-api-key'),
      'dd-application-key': secret('datadog-application-key'),
      'user-agent': 'test',
    },
    body: JSON.stringify({ data: { type: 'api_keys', attributes: { name: 'extras' } } }),
  });
  const { data } = (await made.json()) as { data: { id: string; attributes: { key: string } } };
  const file = inSandbox('hosts', 'web-1', 'extras.env');
  writeFileSync(file, `EXTRA_KEY=${data.attributes.key}\n`, { mode: 0o640 });
  writeFileSync(inSandbox('secrets', 'datadog-extras'), data.attributes.key, { mode: 0o600 });
  const show = inSandbox('show.mjs');
  writeFileSync(
    show,
    `import { createHash } from 'node:crypto'; import { readFileSync } from 'node:fs';
const key = readFileSync(${JSON.stringify(file)}, 'utf8').trim().split('=')[1];
const hash = createHash('sha256').update('rekey:v1:' + key).digest();
let bits = ''; for (const byte of hash) bits += byte.toString(2).padStart(8, '0');
console.log('fingerprint ' + [...Array(12).keys()].map((n) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(bits.slice(5 * n, 5 * n + 5), 2)]).join(''));
`,
  );
  // The vendor's front ends learn of it one by one.
  await sleep(1_500);
  const restart = /apply: ("[^"]* restart web-1")/.exec(readFileSync(lane.config, 'utf8'))![1]!;
  return (text) =>
    text.replace(
      '\ncredentials:\n',
      `\ncredentials:
  datadog/extras:
    store: datadog
    strategy: overlap
    current: { id: ${data.id}, secret: "file:${inSandbox('secrets', 'datadog-extras')}" }
    attributes: { name: extras }
    consumers:
      - { name: web-1, host: machines, file: "${file}", format: dotenv, at: EXTRA_KEY, apply: ${restart}, confirm: { fingerprint: "${process.execPath} ${show}" } }
`,
    );
}

async function configuration(): Promise<unknown> {
  return (await lane.database.query<{ document: unknown }>('select document from configurations order by position desc limit 1'))
    .rows[0]!.document;
}

/** From the first hand-out to the confirmation after it, by the database's clock. */
async function handedOut(credential: string): Promise<{ from: number; to: number }> {
  const { rows } = await lane.database.query<{ from: Date; to: Date }>(
    `select min(i.begun_at) as from, (select min(o.seen_at) from observations o where o.rotation = i.rotation and o.subject = 'web-1' and o.seen_at > min(i.begun_at)
       and (o.seen->'instances'->0->>'generation')::int = 2) as to
     from intents i where i.rotation = $1 and i.kind = 'hand-out' and i.subject = 'web-1' group by i.rotation`,
    [`${credential}#2`],
  );
  return { from: rows[0]!.from.getTime(), to: rows[0]!.to.getTime() };
}

describe('two credentials on one program', () => {
  it('are handed out one after the other: neither restarts it under the other', async () => {
    await lane.fresh();
    await lane.apply(await secondCredential());
    const strangers = await strangersOf(lane);
    // Both want web-1 at the same time; its restart takes long enough for the second to come upon the first.
    await lane.ask('POST', '/faults', {
      vendor: 'host',
      method: 'POST',
      path: '/web-1/restart',
      when: 'before',
      action: 'delay',
      delayMs: 800,
      times: 10,
    });
    await Promise.all([lane.rotate('datadog/agents'), lane.rotate('datadog/extras')]);
    const [agents, extras] = await Promise.all([lane.settled('datadog/agents'), lane.settled('datadog/extras')]);
    expect(extras, extras.reason ?? JSON.stringify(extras.waits_for)).toMatchObject({ outcome: 'completed' });
    await expectOverlapConverged(lane, agents, strangers.concat(await ownedBy('datadog/extras')));

    const [one, other] = [await handedOut('datadog/agents'), await handedOut('datadog/extras')];
    expect(one.to < other.from || other.to < one.from, JSON.stringify({ one, other })).toBe(true);
  });
});

async function ownedBy(credential: string): Promise<string[]> {
  const { rows } = await lane.database.query<{ key_id: string }>('select key_id from versions where credential = $1', [
    credential,
  ]);
  return rows.map((row) => row.key_id);
}
