/**
 * Owns the choice of cases for an ordinary run: as few as let every fault meet every kind of step
 * that it fits, and every request some fault, in as few rotations.
 */
import { createHash } from 'node:crypto';
import { nameOf } from './points.js';
import { type Case, caseName } from './run.js';
import type { Trial } from './trial.js';

/**
 * What a case shows. A look and a change of the same step are two kinds of step: they fail in
 * different ways.
 */
export function shownBy(it: Case): readonly string[] {
  const { point, kind } = it;
  const way = it.after === undefined ? '' : 'on the way back, ';
  const does = point.method === 'GET' ? 'looks' : 'changes';
  return [`${way}${nameOf(point)} meets a fault`, `${way}${point.step} ${does} and meets: ${kind.name}`];
}

/**
 * A choice that shows all that the cases show. Which of several would do is decided by the seed, so
 * that runs of many commits meet them all.
 */
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

/**
 * Puts cases together that one rotation can meet. A look that fails is repeated, and shifts no
 * change: so looks may come before something else, each between other changes than the next. What
 * takes the worker with it stays among its kind, and what begins with an abort stays alone.
 */
export function pack(cases: readonly Case[]): readonly Trial[] {
  const isAlone = (it: Case) => it.drive !== undefined || it.point.step === 'preflight';
  const kindOf = ({ point, kind }: Case) => `${point.credential} ${kind.kills}`;
  const together = cases.filter((it) => !isAlone(it));
  const kinds = [...new Set(together.map(kindOf))];
  return [
    ...cases.filter(isAlone).map((it): Trial => [it]),
    ...kinds.flatMap((own) => packKind(together.filter((it) => kindOf(it) === own))),
  ];
}

function packKind(cases: readonly Case[]): readonly Trial[] {
  const late = (a: Case, b: Case) => b.point.changes - a.point.changes;
  const looks = cases.filter(({ point }) => point.method === 'GET').sort(late);
  const left = [...cases.filter(({ point }) => point.method !== 'GET').sort(late)];
  const trials: Trial[] = [];
  for (let last = left.shift() ?? looks.shift(); last; last = left.shift() ?? looks.shift()) {
    let trial: Trial = [last];
    for (const look of [...looks]) {
      if (look.point.changes >= trial[0].point.changes) continue;
      trial = [look, ...trial];
      looks.splice(looks.indexOf(look), 1);
    }
    trials.push(trial);
  }
  return trials;
}
