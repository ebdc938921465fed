/** Owns how cases run: one for each credential at a time on a lane, on fresh vendor accounts, lanes side by side; a fault that missed its place is tried again. */
import { randomBytes } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { RotationReport } from '../../workflows/contract.js';
import { type Lane, sleep } from '../support/lane.js';
import { withTicketing } from '../support/soar-credentials.js';
import { type FaultKind, planted } from './faults.js';
import { leaksOf, secretsOf } from './leaks.js';
import { asked, type Credential, lastRequest, nameOf, type Placed, type Point, pointsOf } from './points.js';
import { type Figures, judge, observed } from './world.js';

export interface Case {
  readonly point: Point;
  readonly kind: FaultKind;
  /** The outcomes that keep the promises; `completed` where nothing is said. */
  readonly ends?: readonly string[];
  /** How the rotation is brought to where the fault is to meet it; started with the fault planted where nothing is said. */
  readonly drive?: Drive;
  /** Said before the name of the case. */
  readonly after?: string;
}

export interface Result extends Figures {
  readonly name: string;
  readonly outcome: string;
  readonly seconds: number;
  readonly tries: number;
  /** False for a poll that the fault did not come upon, however often it was tried: how many there are is a matter of moments. */
  readonly met: boolean;
  readonly violations: readonly string[];
}

interface Begun {
  readonly handle: WorkflowHandle;
  /** The last request before it, and when it was turned back. */
  readonly since: number;
  readonly turnedAt?: number;
}

/** Starts a rotation and plants the fault in time; what the rotation asks from then on is what the case is about. */
export type Drive = (lane: Lane, credential: Credential, plant: () => Promise<void>) => Promise<Begun>;

const fromTheStart: Drive = async (lane, credential, plant) => {
  await plant();
  const since = await lastRequest(lane);
  return { handle: await lane.rotate(credential), since };
};

/** An agent that is restarted and a program that is not, one wave after the other, and the apps of one key; the rest of the sandbox's programs do not run. */
const running: Readonly<Record<Credential, readonly string[]>> = {
  'datadog/agents': ['legacy', 'reporter'],
  'docspace/exports': ['exports-1', 'archiver'],
  'soar/enrichment': ['enrichment', 'phishing'],
  'soar/ticketing': ['ticketing'],
  'algolia/indexing': ['indexer'],
  'dnn/site-apps': ['catalogue', 'kiosk'],
};
const removed = ['web-1', 'web-2', 'exports-2', 'ticketing', 'stock-sync'];

/**
 * Waits that are policy are left out, and a command that hangs is given up sooner: no delay of a simulator is touched. All but the archiver
 * are looked at by their door: both ways are met, and fewer programs start, which is what a matrix spends its time on.
 */
export const quick = (text: string): string =>
  text
    .replace('{ kind: file }', '{ kind: file, timing: { request: 6s, settle: 500ms } }')
    .replace('bake: 500ms', 'bake: 0s')
    .replace('wave: 50%', 'wave: 100%')
    .replace('grace: 2s', 'grace: 0s')
    .replace(
      /(last4|fingerprint): "\S+ \S+ctl\.js (\S+) status (legacy|reporter|exports-1)"/g,
      'http: "$2/hosts/apps/$3/status", shows: $1',
    )
    .replace(new RegExp(`      - \\{ name: (${removed.join('|')}),[\\s\\S]*?\\} \\}\\n`, 'g'), '');

/** Both sequences in full, and what a third store adds; the rest of the vendors are met by what changes something. */
export const all: readonly Credential[] = ['datadog/agents', 'docspace/exports', 'soar/enrichment'];
/** SOAR's by its other strategy, on an app of which another part is on a key of somebody else. */
export const others: readonly Credential[] = ['docspace/exports', 'algolia/indexing', 'dnn/site-apps', 'soar/ticketing'];
export const vendorOf = (credential: Credential): string => credential.split('/')[0]!;

export const caseName = ({ point, kind, after }: Case): string =>
  `${after ? `${after}: ` : ''}${kind.name} at ${nameOf(point)}${point.which === 'only' ? '' : ` (${point.which})`}`;

/** A look before the first change that finds a host away refuses; everything else goes through. */
const mayEnd = ({ point, ends }: Case): readonly string[] =>
  ends ?? (point.step === 'preflight' && point.vendor !== 'datadog' ? ['completed', 'refused'] : ['completed']);

const longest = 300_000;
const mostTries = 7;

/** Puts the lane's accounts and ledger back to the beginning, with next keys that are known beforehand; only the programs of these credentials run. */
export async function freshLane(lane: Lane, credentials: readonly Credential[]): Promise<readonly string[]> {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const values = { datadog: hex(16), docspace: `sk-${hex(32)}`, soar: `Marker${hex(20)}`, algolia: hex(16), dnn: hex(16) };
  const next = Object.fromEntries(Object.entries(values).filter(([vendor]) => lane.vendors.includes(vendor)));
  const wanted = credentials.flatMap((credential) => running[credential]);
  const idle = (await lane.traffic()).map(({ app }) => app).filter((app) => !wanted.includes(app));
  // What an earlier case said was searched when it ended.
  lane.logs.length = 0;
  const declared = async (text: string) =>
    credentials.includes('soar/ticketing') ? withTicketing(lane, text, { 'soar/ticketing': 'overlap' }) : text;
  await lane.fresh({ instances: Object.fromEntries(idle.map((app) => [app, 0])) }, async (text) => quick(await declared(text)));
  for (const [vendor, value] of Object.entries(next)) await lane.ask('POST', '/keys/next', { vendor, value });
  return secretsOf(observed(lane), Object.values(next));
}

/** The points of a clean run of both sequences. Of the second overlap credential only the steps that the first has not. */
export async function recordPoints(lane: Lane): Promise<readonly Point[]> {
  // A worker that has just started asks some things once more than one that is warm, as it is in most cases; and polls are more or fewer from run
  // to run: the last one is where the shorter run has it.
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
  const reports: readonly RotationReport[] = await Promise.all(
    credentials.map(async (credential) => (await lane.rotate(credential)).result()),
  );
  const unclean = reports.filter(({ outcome }) => outcome !== 'completed');
  if (unclean.length > 0) throw new Error(`nothing was planted, and not all is completed: ${JSON.stringify(unclean)}`);
  const requests = await Promise.all(credentials.map((credential) => asked(lane, credential, since)));
  return credentials.flatMap((credential, index) => pointsOf(credential, requests[index]!));
}

interface Tried {
  readonly result: Result;
  readonly hit: Placed | undefined;
  readonly seen: readonly Placed[];
}

async function tryOnce(lane: Lane, cases: readonly Case[]): Promise<readonly Tried[]> {
  const secrets = await freshLane(
    lane,
    cases.map((it) => it.point.credential),
  );
  const tried = await Promise.all(
    cases.map(async (it): Promise<Tried> => {
      const { credential } = it.point;
      const before = await lane.keys(vendorOf(credential));
      const began = performance.now();
      let fault = '';
      const plant = async () => {
        const body = planted(it.kind, it.point, secrets);
        fault = (await lane.ask<{ id: string }>('POST', '/faults', body)).id;
      };
      const driven = (it.drive ?? fromTheStart)(lane, credential, plant);
      const [{ since, turnedAt = 0 }, violations] = await driven.then(
        async (begun): Promise<[Omit<Begun, 'handle'>, string[]]> => [begun, await throughToEnd(lane, credential, begun.handle)],
        (error: Error): [Omit<Begun, 'handle'>, string[]] => [{ since: 0 }, [error.message]],
      );
      const seconds = (performance.now() - began) / 1000;
      const outcome = (await lane.rotation(credential))?.outcome ?? 'none';
      const verdict = await judge(observed(lane), credential, running[credential], before, outcome);
      violations.push(...verdict.violations);
      const seen = await asked(lane, credential, since);
      const hit = seen.find((r) => r.fault === fault && r.window.from >= turnedAt);
      return { result: { ...verdict, name: caseName(it), outcome, seconds, tries: 1, met: true, violations }, hit, seen };
    }),
  );
  const leaks = await leaksOf(
    observed(lane),
    cases.map((it) => it.point.credential),
    secrets,
  );
  return tried.map((t) => ({ ...t, result: { ...t.result, violations: [...t.result.violations, ...leaks] } }));
}

/** Waits for the end; a rotation that waits for a person, or has no end in time, is a violation, and is put away. */
async function throughToEnd(lane: Lane, credential: Credential, handle: WorkflowHandle): Promise<string[]> {
  let over = false;
  const watched = (async () => {
    for (const until = performance.now() + longest; !over && performance.now() < until; await sleep(500)) {
      const waits = (await lane.rotation(credential))?.waits_for;
      if (waits?.person) throw new Error(`it waits for ${waits.text}`);
    }
    if (!over) throw new Error(`it has not ended after ${longest / 1000} s: ${await lane.whatIsOpen()}`);
  })();
  try {
    await Promise.race([handle.result(), watched.then(() => handle.result())]);
    return [];
  } catch (error) {
    await handle.terminate().catch(() => undefined);
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    over = true;
    watched.catch(() => undefined);
  }
}

/** Runs the cases, at most one for each credential, until each fault has met the request that it was meant for. */
export async function runCases(lane: Lane, cases: readonly Case[]): Promise<readonly Result[]> {
  const results: Result[] = [];
  let left = cases;
  for (let tries = 1; left.length > 0; tries++) {
    const tried = await tryOnce(lane, left);
    const again: Case[] = [];
    for (const [index, { result, hit, seen }] of tried.entries()) {
      const it = left[index]!;
      const placed = hit?.window.step === it.point.step;
      const violations = [...result.violations];
      if (placed && !mayEnd(it).includes(result.outcome)) violations.push(`it is ${result.outcome}`);
      if (placed || tries === mostTries || violations.length > 0) {
        const met = placed || it.point.which === 'only';
        if (!placed && met) violations.push(`its fault met ${hit ? hit.window.step : 'nothing'}`);
        results.push({ ...result, tries, met, violations });
      } else again.push({ ...it, point: placedAnew(it.point, seen) });
    }
    left = again;
  }
  return results;
}

/** From what this very run has asked: polls are more or fewer from run to run. */
function placedAnew(point: Point, seen: readonly Placed[]): Point {
  const same = pointsOf(point.credential, seen).filter((p) => nameOf(p) === nameOf(point));
  const found = same.find((p) => p.which === point.which) ?? same.at(-1);
  return found ? { ...found, which: point.which } : { ...point, skip: Math.max(0, point.skip - 1) };
}
