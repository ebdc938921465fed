/**
 * Owns the demo: starts rekey as a user would, rotates keys under live traffic, and holds every
 * promise against what the vendors saw.
 */

import { randomBytes } from 'node:crypto';
import Table from 'cli-table3';
import { type Answered, type Leaked, leakAndAnswer } from './leak.js';
import { findLeaks } from './leaks.js';
import type { Ready, Rekey } from './rekey.js';
import { onStage, say } from './stage.js';
import { keysOf, post, type Seen, secretsOf, watchTraffic } from './watch.js';

const json = process.argv.includes('--json');

interface Rotated extends Seen {
  readonly credential: string;
  readonly strategy: string;
  readonly outcome: string;
  readonly downtimeMs: number | null;
  readonly seconds: number;
  readonly activities: number;
  readonly historyEvents: number;
}

/** The overlap rotation is to be seen under at least this many requests. */
const wantedRequests = 1_000;

/** What is shown, and of which vendor; the first two without `--all`. */
const chapters = [
  {
    credential: 'datadog/agents',
    vendor: 'datadog',
    story: 'a second key is made, handed to four programs one wave after the other, and the first is ended when nobody uses it',
    requests: wantedRequests,
  },
  {
    credential: 'soar/enrichment',
    vendor: 'soar',
    story: 'two apps are stopped, the one secret of their key is changed, and they start with the new one',
    requests: 0,
  },
  {
    credential: 'docspace/exports',
    vendor: 'docspace',
    story: 'this vendor can switch a key off: the old one is disabled and watched before it is deleted',
    requests: 0,
  },
  {
    credential: 'algolia/search',
    vendor: 'algolia',
    story: 'the key is its own id, and browsers hold keys that were made from it: the old one stays as long as those live',
    requests: 0,
  },
  {
    credential: 'dnn/site-apps',
    vendor: 'dnn',
    story: 'this vendor says the same to a dead key and to a weak one: the new one must be let do all that the old one was',
    requests: 0,
  },
].slice(0, process.argv.includes('--all') ? 5 : 2);

await onStage(
  chapters.map(({ vendor }) => vendor),
  async (rekey, ready) => {
    await plantMarkers(ready);
    const rotations: Rotated[] = [];
    for (const [index, { credential, vendor, story, requests }] of chapters.entries()) {
      say(`\n${index + 1}. ${credential}: ${story}`);
      rotations.push(await rotate(rekey, ready, credential, vendor, requests));
    }
    say(
      `\n${chapters.length + 1}. the new key of datadog/agents is found in a repository: it dies once every program is on another one`,
    );
    const answered = await leakAndAnswer(rekey, ready, ['datadog/agents'], 'rotate');
    return finish(rekey, ready, rotations, answered);
  },
);

/**
 * The next keys that the vendors make are known beforehand, so that they can be searched for
 * afterwards.
 */
async function plantMarkers(ready: Ready): Promise<void> {
  await post(ready, '/keys/next', { vendor: 'datadog', value: randomBytes(16).toString('hex') });
  await post(ready, '/keys/next', { vendor: 'soar', value: `Marker${randomBytes(18).toString('hex')}` });
}

async function rotate(rekey: Rekey, ready: Ready, credential: string, vendor: string, atLeast: number): Promise<Rotated> {
  const since = await watchTraffic(ready, vendor);
  const done = await rekey.rotate(credential);
  let seen = await since();
  // Traffic goes on on the new key: what it does after the rotation counts, too.
  for (let waits = 0; seen.requests < atLeast && waits < 100; waits++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen = await since();
  }
  const { strategy, outcome, downtimeMs, seconds, activities, historyEvents } = done;
  return { credential, strategy, outcome, ...seen, downtimeMs, seconds, activities, historyEvents };
}

async function finish(rekey: Rekey, ready: Ready, rotations: readonly Rotated[], answered: Answered): Promise<boolean> {
  const keys = await keysOf(ready);
  const served = await rekey.servedKeys();
  const orphans = keys.filter((k) => k.state === 'live' && k.name.includes('rekey-') && !served.includes(k.id)).length;
  const leaks = await findLeaks(rekey, [...keys.map((k) => k.value), ...secretsOf(ready)]);
  for (const place of leaks) say(`a secret was found in ${place}`);

  const broken = [
    ...rotations.flatMap((r) => [
      r.outcome !== 'completed' && `${r.credential} is ${r.outcome}`,
      r.refused > 0 && `${r.credential}: ${r.refused} requests were refused`,
      r.failedLogins > 0 && `${r.credential}: ${r.failedLogins} logins failed`,
      r.lost > 0 && `${r.credential}: ${r.lost} pieces of work were lost`,
    ]),
    ...answered.broken,
    rotations[0]!.requests < wantedRequests && `only ${rotations[0]!.requests} requests were seen`,
    orphans > 0 && `${orphans} orphan keys`,
    leaks.length > 0 && `${leaks.length} leaks`,
  ].filter((line) => line !== false);
  const ok = broken.length === 0;

  const [{ deadAfterMs, refused }] = answered.keys as [Leaked];
  const dead = `the leaked key was dead after ${((deadAfterMs ?? 0) / 1000).toFixed(1)} s, and ${refused} requests were refused`;
  if (!json) process.stdout.write(`\n${tableOf(rotations, orphans)}\n${dead}\n`);
  say(
    ok
      ? '\nEvery promise held: no request was refused, no secret was found outside the vault.'
      : `\nBroken: ${broken.join('; ')}`,
  );
  say('next: npx rekey up --sandbox');
  if (json) process.stdout.write(`${JSON.stringify({ ok, rotations, leaked: answered.keys, orphans, leaks: leaks.length })}\n`);
  return ok;
}

function tableOf(rotations: readonly Rotated[], orphans: number): string {
  const rows: [string, (r: Rotated) => string | number][] = [
    ['strategy', (r) => r.strategy],
    ['outcome', (r) => r.outcome],
    ['requests sent', (r) => r.requests],
    ['refused', (r) => r.refused],
    ['failed logins', (r) => r.failedLogins],
    ['work lost', (r) => r.lost],
    ['downtime', (r) => (r.downtimeMs === null ? 'none' : `${(r.downtimeMs / 1000).toFixed(1)} s`)],
    ['seconds', (r) => r.seconds],
    ['history events', (r) => r.historyEvents],
    ['activities', (r) => r.activities],
    ['orphan keys', () => orphans],
  ];
  const table = new Table({ head: ['', ...rotations.map((r) => r.credential)], style: { head: [], border: [] } });
  for (const [name, of] of rows) table.push([name, ...rotations.map(of)]);
  return table.toString();
}
