/** Owns what must hold when a case has ended, read from the vendors, the files and the ledger, never from what rekey says of itself; every violation is told, not the first. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Secret } from '../../activities/ports/secret.js';
import { type KeyShown, type Lane, sleep, type TrafficShown } from '../support/lane.js';
import type { Credential } from './points.js';

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
const isOurs = (credential: Credential, key: KeyShown): boolean =>
  credential === 'datadog/agents' ? /^agents( |$)/.test(key.name) : key.id === '17';
/** An agent that is restarted and a program that is not, one wave after the other; the rest of the sandbox's programs do not run. */
const programs: Readonly<Record<Credential, readonly string[]>> = {
  'datadog/agents': ['web-1', 'reporter'],
  'soar/enrichment': ['enrichment', 'phishing'],
};
export const idle = ['web-2', 'legacy', 'ticketing'];
const sources = ['web-1/datadog.yaml', 'reporter/.env'];
const sum = (rows: readonly TrafficShown[], of: (row: TrafficShown) => number): number =>
  rows.reduce((total, row) => total + of(row), 0);

export async function judge(lane: Lane, credential: Credential, outcome: string, before: Before): Promise<Verdict> {
  const vendor = credential.split('/')[0]!;
  const violations: string[] = [];
  const expectEqual = (what: string, found: unknown, wanted: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      violations.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  };

  const { rows: versions } = await lane.database.query<Version>(
    `select key_id, state, fingerprint from versions where credential = $1 and state <> 'revoked'`,
    [credential],
  );
  const keys = await lane.keys(vendor);
  const ours = live(keys).filter((k) => isOurs(credential, k));
  const orphans = Math.max(0, ours.length - 1);
  expectEqual('live keys', ours.length, 1);
  const same = ours[0]?.value === live(before).find((k) => isOurs(credential, k))?.value;
  expectEqual('the key is another one', !same, outcome === 'completed');
  const shown = ours[0] ? new Secret(ours[0].value).fingerprint : null;
  // An adopted key of SOAR was shown once, long ago: the ledger does not know its secret.
  const known = versions[0]?.fingerprint === null ? null : shown;
  expectEqual('versions of the ledger', versions, [{ key_id: ours[0]?.id, state: 'active', fingerprint: known }]);
  const strangers = (all: readonly KeyShown[]) => all.filter((k) => !isOurs(credential, k)).map((k) => [k.id, k.state]);
  expectEqual('keys of others', strangers(keys), strangers(before));

  const rows = await onIt(lane, credential, shown);
  expectEqual('programs on the live key', rows.filter((r) => r.fingerprint === shown).length, programs[credential].length);
  const figures = {
    sent: sum(rows, (r) => r.sent),
    refused: sum(rows, (r) => r.refused),
    failedLogins: sum(rows, (r) => r.failedLogins),
    lost: sum(rows, (r) => r.lost),
    orphans,
  };
  expectEqual('refused', figures.refused, 0);
  expectEqual('lost', figures.lost, 0);
  if (figures.failedLogins > 1) violations.push(`failed logins: ${figures.failedLogins}`);
  if (credential === 'datadog/agents') {
    for (const file of sources) {
      const text = readFileSync(path.join(path.dirname(lane.config), 'hosts', file), 'utf8');
      const held = keys.filter((k) => text.includes(k.value)).map((k) => k.id);
      expectEqual(`keys in ${file}`, held, [ours[0]?.id]);
    }
  }
  const left = await lane.database.query(
    `select id from rotations where credential = $1 and outcome is null
     union all select program from leases l join rotations r on r.id = l.rotation where r.credential = $1`,
    [credential],
  );
  expectEqual('open rotations and held leases', left.rows, []);
  return { ...figures, violations };
}

/** The counters of the programs, once each is on the key and has got an answer to something that it sent just now; else as they are at the end. */
async function onIt(lane: Lane, credential: Credential, fingerprint: string | null): Promise<readonly TrafficShown[]> {
  const read = async () => (await lane.traffic()).filter((t) => programs[credential].includes(t.app));
  const before = await read();
  for (let tries = 0; ; tries++) {
    await sleep(100);
    const now = await read();
    const done = now.every((t, index) => t.fingerprint === fingerprint && t.accepted > before[index]!.accepted);
    if (done || tries > 100) return now;
  }
}
