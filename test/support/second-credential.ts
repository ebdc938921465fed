/**
 * Owns a second Datadog credential, `datadog/extras`, which lives beside the first one on the
 * program web-1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Lane, sleep } from './lane.js';

/** A request as Datadog's own administrator would send it, not through rekey. */
export async function asAdministrator(lane: Lane, method: string, route: string, body?: object): Promise<Response> {
  const secret = (name: string) => readFileSync(path.join(path.dirname(lane.config), 'secrets', name), 'utf8').trim();
  const { rows } = await lane.database.query<{ url: string }>(
    `select document->'stores'->'datadog'->'settings'->>'url' as url from configurations order by position desc limit 1`,
  );
  return fetch(`${rows[0]!.url}${route}`, {
    method,
    headers: {
      'content-type': 'application/json',
      'dd-api-key': secret('datadog-api-key'),
      'dd-application-key': secret('datadog-application-key'),
      'user-agent': 'test',
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

/**
 * A second key for the machine of web-1, in a file of its own, whose fingerprint a command shows.
 */
export async function secondCredential(lane: Lane): Promise<(text: string) => string> {
  const inSandbox = (...parts: string[]) => path.join(path.dirname(lane.config), ...parts);
  const made = await asAdministrator(lane, 'POST', '/api/v2/api_keys', {
    data: { type: 'api_keys', attributes: { name: 'extras' } },
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
