/**
 * Owns the demo: starts rekey as a user would, rotates keys under live traffic, and holds every
 * promise against what the vendors saw.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Table from 'cli-table3';
import { findLeaks } from './leaks.js';
import { type Ready, Rekey } from './rekey.js';

const json = process.argv.includes('--json');
const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Traffic {
  readonly app: string;
  readonly vendor: string;
  readonly sent: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
}

interface Rotated {
  readonly credential: string;
  readonly strategy: string;
  readonly outcome: string;
  readonly requests: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
  readonly downtimeMs: number | null;
  readonly seconds: number;
  readonly activities: number;
  readonly historyEvents: number;
}

interface KeyShown {
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly state: string;
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

const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-demo-'));
const rekey = new Rekey(
  path.join(folder, 'home'),
  chapters.map(({ vendor }) => vendor),
  say,
);
let ending: Promise<never> | null = null;

/**
 * Ends what was started, once; whoever comes second waits for the first, and its exit code counts.
 */
function end(code: number): Promise<never> {
  ending ??= (async () => {
    await rekey.stop();
    rmSync(folder, { recursive: true, force: true });
    process.exit(code);
  })();
  return ending;
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    say('ending everything that was started …');
    void end(130);
  });
}
// Whoever reads us has gone: there is nobody to show anything to.
process.stdout.on('error', () => void end(1));

try {
  // The account that PostgreSQL runs as must be able to go through it.
  await chmod(folder, 0o755);
  const ready = await rekey.start();
  await plantMarkers(ready);
  const rotations: Rotated[] = [];
  for (const [index, { credential, vendor, story, requests }] of chapters.entries()) {
    say(`\n${index + 1}. ${credential}: ${story}`);
    rotations.push(await rotate(ready, credential, vendor, requests));
  }
  await finish(ready, rotations);
} catch (error) {
  if (!ending) say(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
  await end(1);
}

/**
 * The next keys that the vendors make are known beforehand, so that they can be searched for
 * afterwards.
 */
async function plantMarkers(ready: Ready): Promise<void> {
  await post(ready, '/keys/next', { vendor: 'datadog', value: randomBytes(16).toString('hex') });
  await post(ready, '/keys/next', { vendor: 'soar', value: `Marker${randomBytes(18).toString('hex')}` });
}

async function rotate(ready: Ready, credential: string, vendor: string, atLeast: number): Promise<Rotated> {
  const before = await traffic(ready, vendor);
  const done = await rekey.rotate(credential);
  const since = async () => difference(await traffic(ready, vendor), before);
  let seen = await since();
  // Traffic goes on on the new key: what it does after the rotation counts, too.
  for (let waits = 0; seen.requests < atLeast && waits < 100; waits++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen = await since();
  }
  const { strategy, outcome, downtimeMs, seconds, activities, historyEvents } = done;
  return { credential, strategy, outcome, ...seen, downtimeMs, seconds, activities, historyEvents };
}

function difference(
  now: readonly Traffic[],
  before: readonly Traffic[],
): Pick<Rotated, 'requests' | 'refused' | 'failedLogins' | 'lost'> {
  const sum = (of: (t: Traffic) => number) =>
    now.reduce((total, t) => total + of(t), 0) - before.reduce((total, t) => total + of(t), 0);
  return {
    requests: sum((t) => t.sent),
    refused: sum((t) => t.refused),
    failedLogins: sum((t) => t.failedLogins),
    lost: sum((t) => t.lost),
  };
}

async function finish(ready: Ready, rotations: readonly Rotated[]): Promise<void> {
  const keys = await get<KeyShown[]>(ready, '/keys');
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
    rotations[0]!.requests < wantedRequests && `only ${rotations[0]!.requests} requests were seen`,
    orphans > 0 && `${orphans} orphan keys`,
    leaks.length > 0 && `${leaks.length} leaks`,
  ].filter((line) => line !== false);
  const ok = broken.length === 0;

  if (!json) process.stdout.write(`\n${tableOf(rotations, orphans)}\n`);
  say(
    ok
      ? '\nEvery promise held: no request was refused, no secret was found outside the vault.'
      : `\nBroken: ${broken.join('; ')}`,
  );
  say('next: npx rekey up --sandbox');
  if (json) process.stdout.write(`${JSON.stringify({ ok, rotations, orphans, leaks: leaks.length })}\n`);
  await end(ok ? 0 : 1);
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

/** Management credentials of the simulators; addresses, names and ids of them are no secrets. */
function secretsOf(ready: Ready): readonly string[] {
  const folder = path.join(path.dirname(ready.sandbox.config), 'secrets');
  return readdirSync(folder)
    .filter((name) => !name.endsWith('-id'))
    .map((name) => readFileSync(path.join(folder, name), 'utf8').trim());
}

async function traffic(ready: Ready, vendor: string): Promise<readonly Traffic[]> {
  return (await get<Traffic[]>(ready, '/traffic')).filter((t) => t.vendor === vendor);
}

async function get<Answer>(ready: Ready, route: string): Promise<Answer> {
  return (await (await fetch(`${ready.sandbox.control}${route}`)).json()) as Answer;
}

async function post(ready: Ready, route: string, body: object): Promise<void> {
  const response = await fetch(`${ready.sandbox.control}${route}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`${route}: ${await response.text()}`);
}
