/**
 * Owns what a case is, the fresh accounts and programs that it begins with, and the clean runs that
 * cases are read from.
 */
import { randomBytes } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunReport } from '../../workflows/contract.js';
import type { Lane } from '../support/lane.js';
import { withTicketing } from '../support/soar-credentials.js';
import type { FaultKind } from './faults.js';
import { secretsOf } from './leaks.js';
import { nameOf, type Point, pointsOf } from './points.js';
import { asked, type Credential, lastRequest } from './requests.js';
import type { Watch } from './watch.js';
import { observed } from './world.js';

export interface Case {
  readonly point: Point;
  readonly kind: FaultKind;
  /** The outcomes that keep the promises; `completed` where nothing is said. */
  readonly ends?: readonly string[];
  /**
   * How the rotation is brought to where the fault is to meet it; started with the fault planted
   * where nothing is said.
   */
  readonly drive?: Drive;
  /** What it is part of, where that is no rotation that goes forward: each way is sampled alone. */
  readonly way?: string;
  /** Where on its way it begins; said before the name of the case, or else the way is. */
  readonly after?: string;
}

export interface Begun {
  readonly handle: WorkflowHandle;
  /** The last request before it, and when it was turned back. */
  readonly since: number;
  readonly turnedAt?: number;
  /** The incident that it answers for, and what its programs are held against meanwhile. */
  readonly incident?: string;
  readonly watch?: Watch;
}

/**
 * Starts a rotation and plants the fault in time; what the rotation asks from then on is what the
 * case is about.
 */
export type Drive = (lane: Lane, credential: Credential, plant: () => Promise<void>) => Promise<Begun>;

export const fromTheStart: Drive = async (lane, credential, plant) => {
  await plant();
  const since = await lastRequest(lane);
  return { handle: await lane.rotate(credential), since };
};

/**
 * An agent that is restarted and a program that is not, one wave after the other, and the apps of
 * one key; the rest of the sandbox's programs do not run.
 */
export const running: Readonly<Record<Credential, readonly string[]>> = {
  'datadog/agents': ['legacy', 'reporter'],
  'docspace/exports': ['exports-1', 'archiver'],
  'soar/enrichment': ['enrichment', 'phishing'],
  'soar/ticketing': ['ticketing'],
  'algolia/indexing': ['indexer'],
  'dnn/site-apps': ['catalogue', 'kiosk'],
};
const removed = ['web-1', 'web-2', 'exports-2', 'ticketing', 'stock-sync'];

/**
 * Waits that are policy are left out, and a command that hangs is given up sooner: no delay of a
 * simulator is touched.
 */
const quick = (text: string): string =>
  text
    .replace('{ kind: file }', '{ kind: file, timing: { request: 6s, settle: 500ms } }')
    .replace('bake: 500ms', 'bake: 0s')
    .replace('wave: 50%', 'wave: 100%')
    .replace('grace: 2s', 'grace: 0s')
    .replace(new RegExp(`      - \\{ name: (${removed.join('|')}),[\\s\\S]*?\\} \\}\\n`, 'g'), '');

/**
 * Both sequences in full, and what a third store adds; the rest of the vendors are met by what
 * changes something.
 */
export const all: readonly Credential[] = ['datadog/agents', 'docspace/exports', 'soar/enrichment'];
/** SOAR's by its other strategy, on an app of which another part is on a key of somebody else. */
export const others: readonly Credential[] = ['docspace/exports', 'algolia/indexing', 'dnn/site-apps', 'soar/ticketing'];
export const vendorOf = (credential: Credential): string => credential.split('/')[0]!;

export const caseName = ({ point, kind, way, after = way }: Case): string =>
  `${after ? `${after}: ` : ''}${kind.name} at ${nameOf(point)}${point.which === 'only' ? '' : ` (${point.which})`}`;

/**
 * Puts the lane's accounts and ledger back to the beginning, with next keys that are known
 * beforehand; only the programs of these credentials run.
 */
export async function freshLane(lane: Lane, credentials: readonly Credential[]): Promise<readonly string[]> {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const values = { datadog: hex(16), docspace: `sk-${hex(32)}`, soar: `Marker${hex(20)}`, algolia: hex(16), dnn: hex(16) };
  const next = Object.fromEntries(Object.entries(values).filter(([vendor]) => lane.vendors.includes(vendor)));
  // What an earlier case said was searched when it ended.
  lane.logs.length = 0;
  const declared = async (text: string) =>
    credentials.includes('soar/ticketing') ? withTicketing(lane, text, { 'soar/ticketing': 'overlap' }) : text;
  const programs = credentials.flatMap((credential) => running[credential]);
  await lane.fresh(credentials, async (text) => quick(await declared(text)), programs);
  for (const [vendor, value] of Object.entries(next)) await lane.ask('POST', '/keys/next', { vendor, value });
  return secretsOf(observed(lane), Object.values(next));
}

/**
 * The points of a clean run of both sequences. Of the second overlap credential only the steps that
 * the first has not.
 */
export async function recordPoints(lane: Lane): Promise<readonly Point[]> {
  // A worker that has just started asks some things once more than one that is warm, as it is in
  // most cases; and polls are more or fewer from run to run: the last one is where the shorter run
  // has it.
  const cold = await recordPointsOf(lane, all);
  const points = (await recordPointsOf(lane, all)).map((point) => {
    const before = cold.find((p) => p.which === 'last' && isSame(p, point));
    return point.which === 'last' && before ? { ...point, skip: Math.min(point.skip, before.skip) } : point;
  });
  const known = new Set(points.filter((p) => p.credential !== 'docspace/exports').map((p) => p.step));
  return points.filter((p) => p.credential !== 'docspace/exports' || !known.has(p.step));
}

const isSame = (a: Point, b: Point): boolean => nameOf(a) === nameOf(b) && a.path === b.path && a.changes === b.changes;

/** The points of a clean run of each, side by side. */
export async function recordPointsOf(lane: Lane, credentials: readonly Credential[]): Promise<readonly Point[]> {
  await freshLane(lane, credentials);
  const since = await lastRequest(lane);
  const reports: readonly RunReport[] = await Promise.all(
    credentials.map(async (credential) => (await lane.rotate(credential)).result()),
  );
  const unclean = reports.filter(({ outcome }) => outcome !== 'completed');
  if (unclean.length > 0) throw new Error(`nothing was planted, and not all is completed: ${JSON.stringify(unclean)}`);
  const requests = await Promise.all(credentials.map((credential) => asked(lane, credential, since)));
  return credentials.flatMap((credential, index) => pointsOf(credential, requests[index]!));
}
