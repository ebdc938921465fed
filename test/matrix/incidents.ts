/**
 * Owns incidents as a matrix: a key that has leaked, answered both ways, what that asks which a
 * rotation does not, and what must hold of it in the end.
 */
import { type Way, ways } from '../../workflows/domain/incident.js';
import { openOver } from '../support/incident.js';
import type { Lane } from '../support/lane.js';
import { type FaultKind, faultKinds, fits } from './faults.js';
import { nameOf, type Point, pointsOf, templateOf } from './points.js';
import { asked, lastRequest, type Placed } from './requests.js';
import { all, type Case, type Drive, freshLane, recordPointsOf } from './run.js';
import { watchHandOut } from './watch.js';

/** The points of a way that are its own. */
export interface OfIncident {
  readonly way: Way;
  readonly point: Point;
  /** No rotation makes this request at such a step. */
  readonly isNew: boolean;
}

/**
 * What clean incidents of both ways ask. All that no rotation asks; of the rest what changes
 * something, since other steps are before it and behind it. In place both ways are the same.
 */
export async function recordIncidents(lane: Lane): Promise<readonly OfIncident[]> {
  const nameAt = ({ credential }: Point, name: string) => `${credential} ${name}`;
  const known = new Set((await recordPointsOf(lane, all)).map((point) => nameAt(point, nameOf(point))));
  const recorded: OfIncident[] = [];
  for (const way of ways) {
    await freshLane(lane, all);
    const since = await lastRequest(lane);
    const { id, handle } = await openOver(lane, way, all);
    await lane.until(`the clean incident by ${way} to close`, () => isClosed(lane, id));
    await handle.result();
    for (const credential of all) {
      const requests = await asked(lane, credential, since);
      // Two steps side by side may ask the same.
      const isOrdinary = (point: Point) =>
        [point.step, ...besides(requests, point)].some((step) => known.has(nameAt(point, nameOf({ ...point, step }))));
      const points = pointsOf(credential, requests).map((point) => ({ way, point, isNew: !isOrdinary(point) }));
      const differs = way === 'rotate' || credential !== 'soar/enrichment';
      recorded.push(...points.filter(({ point, isNew }) => isNew || (differs && point.method !== 'GET')));
    }
  }
  return recorded;
}

async function isClosed(lane: Lane, incident: string): Promise<boolean> {
  return (await lane.database.query(`select 1 from incidents where id = $1 and state = 'closed'`, [incident])).rowCount === 1;
}

const besides = (requests: readonly Placed[], { step, method, template }: Point): readonly string[] =>
  requests
    .filter((r) => r.window.step === step && r.method === method && templateOf(r) === template)
    .flatMap((r) => r.window.besides);

/** What no rotation asks, with every fault; the rest with those that leave a change unclear. */
export const casesOfIncidents = (recorded: readonly OfIncident[]): readonly Case[] =>
  casesOf(recorded, (kind, isNew) => isNew || isUnclear(kind));

/**
 * For an ordinary run: what no rotation asks with what leaves it unclear, the rest with the death
 * behind its effect.
 */
export const fewCasesOfIncidents = (recorded: readonly OfIncident[]): readonly Case[] =>
  casesOf(recorded, (kind, isNew) => (isNew ? isUnclear(kind) : kind.kills && kind.changesOnly));

const isUnclear = (kind: FaultKind): boolean => kind.changesOnly || kind.kills;

const casesOf = (recorded: readonly OfIncident[], isMeant: (kind: FaultKind, isNew: boolean) => boolean): readonly Case[] =>
  recorded.flatMap(({ way, point, isNew }) =>
    faultKinds
      .filter((kind) => fits(kind, point) && isMeant(kind, isNew))
      .map((kind): Case => ({ point, kind, drive: answered(way), way: `in an incident by ${way}`, ends: ['completed'] })),
  );

const answered =
  (way: Way): Drive =>
  async (lane, credential, plant) => {
    await plant();
    const since = await lastRequest(lane);
    const watch = await watchHandOut(lane, credential, way);
    try {
      const { id, handle } = await openOver(lane, way, [credential]);
      return { handle, since, incident: id, watch };
    } catch (error) {
      await watch.end();
      throw error;
    }
  };
