/** Owns the choice of cases for an ordinary run: as few as let every fault meet every kind of step that it fits, and every request some fault. */
import { createHash } from 'node:crypto';
import { nameOf } from './points.js';
import { type Case, caseName } from './run.js';

/** What a case shows. A look and a change of the same step are two kinds of step: they fail in different ways. */
export function shownBy(it: Case): readonly string[] {
  const { point, kind } = it;
  const way = it.after === undefined ? '' : 'on the way back, ';
  const does = point.method === 'GET' ? 'looks' : 'changes';
  return [`${way}${nameOf(point)} meets a fault`, `${way}${point.step} ${does} and meets: ${kind.name}`];
}

/** A choice that shows all that the cases show. Which of several would do is decided by the seed, so that runs of many commits meet them all. */
export function sampleOf(cases: readonly Case[], seed: string): readonly Case[] {
  const rank = (it: Case) =>
    createHash('sha256')
      .update(`${seed} ${caseName(it)}`)
      .digest('hex');
  let left = cases.map((it) => ({ it, rank: rank(it), shows: shownBy(it) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const unseen = new Set(left.flatMap(({ shows }) => shows));
  const gain = ({ shows }: (typeof left)[number]) => shows.filter((what) => unseen.has(what)).length;
  const chosen: Case[] = [];
  while (unseen.size > 0) {
    const best = left.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    chosen.push(best.it);
    for (const what of best.shows) unseen.delete(what);
    left = left.filter((one) => one !== best);
  }
  return chosen;
}
