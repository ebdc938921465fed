/**
 * Owns what must hold when a case has ended, read from the vendors, the files and the ledger, never
 * from what rekey says of itself; every violation is told, not the first.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import { inject } from 'vitest';
import { Secret } from '../../activities/ports/secret.js';
import { type KeyShown, type Lane, sleep, type TrafficShown } from '../support/lane.js';
import { workflowIn } from '../support/workflow.js';
import type { Credential } from './requests.js';
import type { Watch } from './watch.js';

/** An installation, as far as a test looks at it from outside. */
export interface Observed {
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Of all vendors where none is named. */
  keys(vendor?: string): Promise<readonly KeyShown[]>;
  traffic(): Promise<readonly TrafficShown[]>;
  history(credential: Credential): Promise<object>;
  /** What its processes have said so far. */
  said(): string;
  /** The folder of its codec's keys, and that of its sandbox. */
  readonly codec: string;
  readonly sandbox: string;
}

export const observed = (lane: Lane): Observed => ({
  query: async (sql, values = []) => (await lane.database.query<never>(sql, [...values])).rows,
  keys: (vendor) => lane.keys(vendor),
  traffic: () => lane.traffic(),
  history: async (credential) => (await workflowIn(lane, credential)).fetchHistory(),
  said: () => lane.logs.join('\n'),
  codec: inject('servers').keys,
  sandbox: path.dirname(lane.config),
});

/** What a case cost whom. */
export interface Figures {
  readonly sent: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
  readonly orphans: number;
}

export interface Verdict extends Figures {
  readonly violations: readonly string[];
}

/** The keys that were there before the rotation: whoever owns them must find them as they were. */
export type Before = readonly KeyShown[];

interface Version {
  readonly key_id: string;
  readonly state: string;
  readonly fingerprint: string | null;
}

const live = (keys: readonly KeyShown[]): readonly KeyShown[] => keys.filter((k) => k.state === 'live');
/** Another site of DNN's has a key of the same name. */
export const isOurs = (credential: Credential, key: KeyShown): boolean =>
  ourNames[credential].test(key.name) && !key.account?.startsWith('intranet.');
const ourNames = {
  'datadog/agents': /^agents( |$)/,
  'docspace/exports': /^(exports$|rekey-)/,
  'soar/enrichment': /^enrichment( |$)/,
  'soar/ticketing': /^ticketing$|rekey-/,
  'algolia/indexing': /^indexer( |$)/,
  'dnn/site-apps': /^site apps( |$)/,
};
/** The files from which programs start, where there are any. */
const sources: Readonly<Record<string, string>> = {
  'web-1': 'datadog.yaml',
  'web-2': 'datadog.yaml',
  legacy: 'datadog.conf',
  reporter: '.env',
  'exports-1': 'export.env',
  'exports-2': 'export.env',
  archiver: 'archiver.yaml',
};
const sum = (rows: readonly TrafficShown[], of: (row: TrafficShown) => number): number =>
  rows.reduce((total, row) => total + of(row), 0);

/**
 * `apps` are those that run. Without an outcome it is left open whether the key is still the one
 * from before. Where there is a `watch`, it says of a key that dies first who may be refused.
 */
export async function judge(
  world: Observed,
  credential: Credential,
  apps: readonly string[],
  before: Before,
  outcome: string | null,
  watch?: Watch,
): Promise<Verdict> {
  const vendor = credential.split('/')[0]!;
  const { violations, expectEqual } = expectations();

  const versions = await world.query<Version>(
    `select key_id, state, fingerprint from versions where credential = $1 and state <> 'revoked'`,
    [credential],
  );
  const keys = await world.keys(vendor);
  const ours = live(keys).filter((k) => isOurs(credential, k));
  const orphans = Math.max(0, ours.length - 1);
  expectEqual('live keys', ours.length, 1);
  const same = ours[0]?.value === live(before).find((k) => isOurs(credential, k))?.value;
  if (outcome !== null) expectEqual('the key is another one', !same, outcome === 'completed');
  const shown = ours[0] ? new Secret(ours[0].value).fingerprint : null;
  // An adopted key of SOAR was shown once, long ago: the ledger does not know its secret.
  const known = versions[0]?.fingerprint === null ? null : shown;
  expectEqual('versions of the ledger', versions, [{ key_id: ours[0]?.id, state: 'active', fingerprint: known }]);
  const strangers = (all: readonly KeyShown[]) => all.filter((k) => !isOurs(credential, k)).map((k) => [k.id, k.state]);
  expectEqual('keys of others', strangers(keys), strangers(before));

  const rows = await onIt(world, apps, shown);
  expectEqual('programs on the live key', rows.filter((r) => r.fingerprint === shown).length, apps.length);
  const figures = {
    sent: sum(rows, (r) => r.sent),
    refused: sum(rows, (r) => r.refused),
    failedLogins: sum(rows, (r) => r.failedLogins),
    lost: sum(rows, (r) => r.lost),
    orphans,
  };
  violations.push(...((await watch?.end()) ?? []));
  if (!watch?.permitsRefusals) {
    expectEqual('refused', figures.refused, 0);
    expectEqual('lost', figures.lost, 0);
  }
  if (figures.failedLogins > 1) violations.push(`failed logins: ${figures.failedLogins}`);
  for (const app of apps.filter((name) => sources[name])) {
    const text = readFileSync(path.join(world.sandbox, 'hosts', app, sources[app]!), 'utf8');
    expectEqual(
      `keys in the file of ${app}`,
      keys.filter((k) => text.includes(k.value)).map((k) => k.id),
      [ours[0]?.id],
    );
  }
  const left = await world.query(
    `select id from runs where credential = $1 and outcome is null
     union all select consumer from leases l join runs r on r.id = l.run where r.credential = $1`,
    [credential],
  );
  expectEqual('open rotations and held leases', left, []);
  return { ...figures, violations };
}

/** What must hold besides where a key has leaked: the incident is over, and so is the key. */
export async function judgeIncident(
  world: Observed,
  credential: Credential,
  before: Before,
  incident: string,
): Promise<readonly string[]> {
  const { violations, expectEqual } = expectations();
  const items = await world.query(
    `select i.state, t.credential, t.generation, t.outcome, t.replaced_at is not null as replaced, t.dead_at is not null as dead
     from incidents i join incident_items t on t.incident = i.id where i.id = $1`,
    [incident],
  );
  expectEqual('incident', items, [{ state: 'closed', credential, generation: 1, outcome: 'done', replaced: true, dead: true }]);
  const marked = await world.query(
    'select credential, generation, state from versions where incident = $1 or (credential = $2 and compromised_at is not null)',
    [incident, credential],
  );
  expectEqual('versions that have leaked', marked, [{ credential, generation: 1, state: 'revoked' }]);
  const runs = await world.query('select credential, outcome from runs where incident = $1', [incident]);
  expectEqual('runs', runs, [{ credential, outcome: 'completed' }]);
  const leaked = live(before).find((key) => isOurs(credential, key))!;
  const alive = (await world.keys()).filter(({ value, state }) => value === leaked.value && state !== 'deleted');
  expectEqual(
    'keys with the leaked value',
    alive.map(({ id, state }) => [id, state]),
    [],
  );
  return violations;
}

/** What does not hold is told, and the rest is looked at all the same. */
function expectations() {
  const violations: string[] = [];
  const expectEqual = (what: string, found: unknown, wanted: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      violations.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  };
  return { violations, expectEqual };
}

/**
 * The counters of the programs, once each is on the key and has got an answer to something that it
 * sent just now; else as they are at the end.
 */
async function onIt(world: Observed, apps: readonly string[], fingerprint: string | null): Promise<readonly TrafficShown[]> {
  const read = async () => (await world.traffic()).filter((t) => apps.includes(t.app));
  const before = await read();
  for (let tries = 0; ; tries++) {
    await sleep(100);
    const now = await read();
    const done = now.every((t, index) => t.fingerprint === fingerprint && t.accepted > before[index]!.accepted);
    if (done || tries > 150) return now;
  }
}
