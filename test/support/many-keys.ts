/**
 * Owns many keys at one store, each with a program of its own: how they come to be, how an incident
 * over them goes on while its workers die, and what must have come of each of them.
 */
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect } from 'vitest';
import { Secret } from '../../activities/ports/secret.js';
import type { Way } from '../../workflows/domain/incident.js';
import { type OpenedIncident, openOver, stopIncident } from './incident.js';
import type { KeyShown, Lane } from './lane.js';
import { asAdministrator } from './second-credential.js';

export interface ManyKeys {
  readonly names: readonly string[];
  /** Of the account, before anything has happened to it. */
  readonly before: readonly KeyShown[];
  /** The key in the file of its program. */
  held(name: string): string;
  close(): Promise<void>;
}

/** Keys that nobody says have leaked: they are declared like the others. */
const besides = 2;

/** In a fresh account, adopted; their programs read their files for each question. */
export async function manyKeys(lane: Lane, count: number): Promise<ManyKeys> {
  await lane.fresh(['datadog/agents'], undefined, []);
  await lane.ask('POST', '/vendors/datadog/limits', { maxKeys: 4 * count + 50, ratePerPeriod: 3_000 });
  const folder = path.join(lane.folder, 'programs');
  mkdirSync(folder, { recursive: true });
  const fileOf = (name: string) => path.join(folder, `${path.basename(name)}.env`);
  const held = (name: string) => readFileSync(fileOf(name), 'utf8').trim().replace('KEY=', '');
  const programs = createServer((request, response) =>
    response.end(`fingerprint ${new Secret(held(request.url!)).fingerprint}\n`),
  ).listen(0, '127.0.0.1');
  await once(programs, 'listening');
  const address = `http://127.0.0.1:${(programs.address() as AddressInfo).port}`;

  const all = Array.from({ length: count + besides }, (_, at) => `datadog/program-${String(at + 1).padStart(3, '0')}`);
  const entries: string[] = [];
  for (const credential of all) {
    const name = path.basename(credential);
    const made = await asAdministrator(lane, 'POST', '/api/v2/api_keys', { data: { type: 'api_keys', attributes: { name } } });
    const { data } = (await made.json()) as { data: { id: string; attributes: { key: string } } };
    const file = fileOf(credential);
    const secret = `${file}.first`;
    writeFileSync(file, `KEY=${data.attributes.key}\n`, { mode: 0o600 });
    writeFileSync(secret, data.attributes.key, { mode: 0o600 });
    entries.push(`
  ${credential}:
    store: datadog
    strategy: overlap
    current: { id: ${data.id}, secret: "file:${secret}" }
    attributes: { name: ${name} }
    consumers:
      - { name: ${name}, host: machines, file: "${file}", format: dotenv, at: KEY, confirm: { http: "${address}/${name}", shows: fingerprint } }
`);
  }
  const declaring = (text: string) => text.replace('\ncredentials:\n', `\ncredentials:${entries.join('')}`);
  // The vendor's front ends learn of new keys one by one.
  const adopted = () => lane.apply(declaring).catch(() => null);
  await lane.until('the keys to be adopted', adopted, 1_000);
  const close = async () => {
    programs.close();
    await once(programs, 'close');
  };
  return { names: all.slice(0, count), before: await lane.keys('datadog'), held, close };
}

/** One of the two dies, the other one, and both at once: once each part of the keys is done. */
export async function answerThroughDeaths(lane: Lane, { names }: ManyKeys, way: Way): Promise<OpenedIncident> {
  await replaceDead(lane);
  const incident = await openOver(lane, way, names);
  for (const [part, victims] of [
    [1, [0]],
    [2, [1]],
    [3, [0, 1]],
  ] as const) {
    await lane.until(`${part} quarters to be done`, async () => (await doneOf(lane, incident)) >= (names.length * part) / 4);
    const workers = running(lane);
    await Promise.all(victims.map((victim) => killed(workers[victim]!)));
    await replaceDead(lane);
  }
  await incident.handle.result();
  return incident;
}

type Worker = Lane['workers'][number];
const running = (lane: Lane): readonly Worker[] =>
  lane.workers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);

async function killed(worker: Worker): Promise<void> {
  const ended = once(worker, 'exit');
  worker.kill('SIGKILL');
  await ended;
}

async function replaceDead(lane: Lane): Promise<void> {
  while (running(lane).length < 2) await lane.startWorker();
}

async function doneOf(lane: Lane, { id }: OpenedIncident): Promise<number> {
  const { rows } = await lane.database.query<{ done: number }>(
    `select count(*)::int as done from incident_items where incident = $1 and outcome = 'done'`,
    [id],
  );
  return rows[0]!.done;
}

/**
 * Stopped just when both workers have died: nothing is begun behind that. Another incident answers
 * for what is left.
 */
export async function expectNothingBehindStop(lane: Lane, keys: ManyKeys, way: Way): Promise<void> {
  const stopped = await openOver(lane, way, keys.names);
  await lane.until('a quarter to be done', async () => (await doneOf(lane, stopped)) >= keys.names.length / 4);
  await Promise.all(running(lane).map(killed));
  // It is heard by the first worker that is there again, before much more is done.
  await Promise.all([stopIncident(lane, stopped), replaceDead(lane)]);
  await lane.until('its runs to stand still, or to be over', async () => (await moving(lane, stopped)) === 0);
  expect(await begunBehindStop(lane, stopped)).toEqual([]);
  const left = await leftBy(lane, stopped);
  expect(left.length).toBeGreaterThan(0);

  const next = await openOver(
    lane,
    'rotate',
    left.map((credential) => `${credential}#1`),
  );
  await next.handle.result();
  expect(await doneOf(lane, next)).toBe(left.length);
  await expectEachReplacedOnce(lane, keys);
}

/** Runs of it that are open and wait for nobody. */
async function moving(lane: Lane, { id }: OpenedIncident): Promise<number> {
  const { rows } = await lane.database.query<{ moving: number }>(
    `select count(*)::int as moving from runs r where r.incident = $1 and r.outcome is null
       and not exists (select 1 from waits w where w.run = r.id and w.ended_at is null)`,
    [id],
  );
  return rows[0]!.moving;
}

/** But for runs that were past their point of no return when it was stopped. */
async function begunBehindStop(lane: Lane, { id }: OpenedIncident): Promise<readonly unknown[]> {
  const { rows } = await lane.database.query(
    `select n.run, n.step from intents n join runs r on r.id = n.run join incidents i on i.id = r.incident
     where i.id = $1 and n.kind in ('mint', 'disable', 'contain', 'revoke', 'regenerate') and n.begun_at > i.closed_at
       and not exists (select 1 from intents c where c.run = n.run and c.kind in ('contain', 'revoke', 'regenerate')
         and c.begun_at < i.closed_at and c.closed is distinct from 'not-sent')`,
    [id],
  );
  return rows;
}

/** Whose key nothing has come of. */
async function leftBy(lane: Lane, { id }: OpenedIncident): Promise<readonly string[]> {
  const { rows } = await lane.database.query<{ credential: string }>(
    `select t.credential from incident_items t join versions v on v.credential = t.credential and v.generation = t.generation
     where t.incident = $1 and v.state <> 'revoked' order by 1`,
    [id],
  );
  return rows.map(({ credential }) => credential);
}

/** By the account, by the files, and by the ledger; all the others are as they were. */
export async function expectEachReplacedOnce(lane: Lane, { names, before, held }: ManyKeys): Promise<void> {
  const leaked = new Set(names.map((name) => before.find((key) => key.name === path.basename(name))!.id));
  const keys = await lane.keys('datadog');
  const stateOf = (id: string) => keys.find((key) => key.id === id)?.state;
  expect([...leaked].filter((id) => stateOf(id) !== 'deleted')).toEqual([]);
  const others = before.filter(({ id }) => !leaked.has(id));
  expect(others.map(({ id }) => [id, stateOf(id)])).toEqual(others.map(({ id, state }) => [id, state]));

  const made = keys.filter(({ id, state }) => state === 'live' && !before.some((key) => key.id === id));
  const { rows } = await lane.database.query<{ credential: string; key_id: string }>(
    `select credential, key_id from versions where state = 'active' and credential = any($1) order by 1`,
    [names],
  );
  expect(rows.map(({ credential }) => credential)).toEqual(names);
  expect(made.map(({ id }) => id).sort()).toEqual(rows.map(({ key_id }) => key_id).sort());
  expect(rows.map(({ credential }) => held(credential))).toEqual(
    rows.map(({ key_id }) => made.find(({ id }) => id === key_id)!.value),
  );
  const left = await lane.database.query<{ key: string }>(
    `select credential || '#' || generation as key from versions
     where credential = any($1) and state <> 'revoked' and (state <> 'active' or compromised_at is not null)`,
    [names],
  );
  expect(left.rows).toEqual([]);
}
