/**
 * Owns the points at which a fault can meet a rotation: the requests of a clean run, told apart by
 * step, method and path, and where a fault must wait to meet each of them.
 */
import { type Credential, type Placed, pathOf, type RequestShown } from './requests.js';

/** A request of a step: a case is a point and a fault. */
export interface Point {
  readonly credential: Credential;
  readonly step: string;
  readonly vendor: string;
  readonly method: string;
  /** The path with its ids replaced. */
  readonly template: string;
  /**
   * Of a request that one activity repeats, the first and the last count; the same one for another
   * consumer is no case of its own.
   */
  readonly which: 'only' | 'first' | 'last';
  /** The path itself, as far as it is the same in the next run. */
  readonly path: string;
  /**
   * How many changes rekey has surely sent before it, and how many requests like it have come since
   * those.
   */
  readonly changes: number;
  readonly skip: number;
}

/** How the table of the documents names it; first and last of a kind share a row. */
export const nameOf = (point: Pick<Point, 'step' | 'method' | 'template'>): string =>
  `${point.step}: ${point.method} ${point.template}`;

/**
 * What a row of the documents stands for: a look has one, a change one before and one after its
 * effect.
 */
export const crashPointsOf = (points: readonly Point[]): readonly string[] =>
  [
    ...new Set(points.flatMap((p) => (p.method === 'GET' ? [nameOf(p)] : [`${nameOf(p)}, before`, `${nameOf(p)}, after`]))),
  ].sort();

/**
 * Ids that a fresh account has others of, and keys that are their own ids, which the sandbox shows
 * to nobody.
 */
const changing = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|<redacted>/g;

export const templateOf = (request: RequestShown): string =>
  pathOf(request)
    .replace('<redacted>', '{key}')
    .replace(changing, '{id}')
    .replace(/(?<=[^/]\/)\d+(?=\/|$)/g, '{id}')
    .replace(/(?<=\/hosts\/apps\/)[^/]+/, '{app}')
    .replace(/(?<=\/secrets\/)[^/]+/, '{name}');

const likeIt = (request: RequestShown): string =>
  `^${pathOf(request)
    .split(changing)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^/?]+')}(\\?|$)`;

export function pointsOf(credential: Credential, requests: readonly Placed[]): readonly Point[] {
  const kinds = new Map<string, Placed[]>();
  for (const request of requests) {
    const name = nameOf({ step: request.window.step, method: request.method, template: templateOf(request) });
    kinds.set(name, [...(kinds.get(name) ?? []), request]);
  }
  const point = (request: Placed, which: Point['which']): Point => ({
    credential,
    step: request.window.step,
    vendor: request.vendor,
    method: request.method,
    template: templateOf(request),
    which,
    path: likeIt(request),
    ...placeOf(request, requests),
  });
  return [...kinds.values()].flatMap((same) => {
    const polls = same.filter((r) => r.path === same[0]!.path && r.window.key === same[0]!.window.key);
    return polls.length === 1 ? [point(polls[0]!, 'only')] : [point(polls[0]!, 'first'), point(polls.at(-1)!, 'last')];
  });
}

/**
 * Requests of steps side by side trade places from run to run: only changes of steps that were done
 * when this one was ordered are surely before it.
 */
function placeOf(request: Placed, requests: readonly Placed[]): Pick<Point, 'changes' | 'skip'> {
  const all = requests.filter((r) => r.method !== 'GET');
  // One that is repeated is the same change, here as in the sandbox: a fault before it shifts none
  // that follow.
  const changes = all.filter((r, index) => all.findIndex((s) => s.method === r.method && pathOf(s) === pathOf(r)) === index);
  const firstUnsure = changes.findIndex((c) => c.window.to > request.window.from);
  const sure = firstUnsure < 0 ? changes : changes.slice(0, firstUnsure);
  const since = sure.at(-1)?.id ?? 0;
  const path = new RegExp(likeIt(request));
  const skip = requests.filter(
    (r) => r.vendor === request.vendor && r.method === request.method && path.test(r.path) && r.id > since && r.id < request.id,
  );
  return { changes: sure.length, skip: skip.length };
}
