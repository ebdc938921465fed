/**
 * Owns the choice of cases for an ordinary run: as few as let every fault meet every kind of step
 * that it fits, and every request some fault, in as few rotations.
 */
import { createHash } from 'node:crypto';
import { nameOf, type Point } from './points.js';
import { type Case, caseName } from './run.js';
import { mayBeRefused, type Trial } from './trial.js';

/**
 * What each of these cases shows: that its request meets a fault, and its step this fault. A step
 * that changes something is to meet each of them at a change, which fits them all.
 */
export function showing(cases: readonly Case[]): (it: Case) => readonly string[] {
  const way = ({ way: some }: Case) => (some === undefined ? '' : `${some}, `);
  const stepOf = (it: Case) => `${way(it)}${it.point.step}`;
  const isLook = ({ point }: Case) => point.method === 'GET';
  const changing = new Set(cases.filter((it) => !isLook(it)).map(stepOf));
  return (it) => {
    const atRequest = `${way(it)}${nameOf(it.point)} meets a fault`;
    return isLook(it) && changing.has(stepOf(it)) ? [atRequest] : [atRequest, `${stepOf(it)} meets: ${it.kind.name}`];
  };
}

/**
 * A choice that shows all that the cases show. Which of several would do is decided by the seed, so
 * that runs of many commits meet them all.
 */
export function sampleOf(cases: readonly Case[], seed: string): readonly Case[] {
  // How many polls there are is a matter of moments: which is the last is often found on a second
  // try only.
  const rank = (it: Case) =>
    (it.point.which === 'last' ? 'late ' : 'early ') +
    createHash('sha256')
      .update(`${seed} ${caseName(it)}`)
      .digest('hex');
  const shows = showing(cases);
  let left = cases.map((it) => ({ it, rank: rank(it), shows: shows(it) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
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

/** More would make a rotation that goes wrong hard to read. */
const most = 4;

/**
 * Puts cases together that one rotation can meet: each at another step, since what fails is
 * repeated there and shifts nothing that follows. What takes the worker with it stays among its
 * kind, what belongs to an incident among those of its way, what begins with an abort among those
 * that are aborted at the same place, and what may end the rotation alone.
 */
export function pack(cases: readonly Case[]): readonly Trial[] {
  const kindOf = ({ point, kind, way, after }: Case) => `${point.credential} ${kind.kills} ${way} ${after}`;
  const alone = cases.filter(mayBeRefused);
  const together = cases.filter((it) => !mayBeRefused(it));
  const kinds = [...new Set(together.map(kindOf))];
  return [...alone.map((it): Trial => [it]), ...kinds.flatMap((own) => packKind(together.filter((it) => kindOf(it) === own)))];
}

function packKind(cases: readonly Case[]): readonly Trial[] {
  const trials: [Case, ...Case[]][] = [];
  // Steps with the most cases first: none of them can share a rotation.
  const times = (it: Case) => cases.filter(({ point }) => point.step === it.point.step).length;
  for (const it of [...cases].sort((a, b) => times(b) - times(a))) {
    const trial = trials.find((some) => some.length < most && some.every((other) => goesWith(other, it)));
    if (trial) trial.push(it);
    else trials.push([it]);
  }
  for (const trial of trials) trial.sort((a, b) => a.point.changes - b.point.changes || a.point.skip - b.point.skip);
  return trials;
}

/**
 * Whether the fault of neither can meet what the other has repeated: a step that fails looks again
 * at all that it had looked at. Two that hang would keep a program waiting for longer than it is
 * given to confirm its key.
 */
function goesWith(one: Case, other: Case): boolean {
  if (one.point.step === other.point.step || (one.kind.name === 'hang' && other.kind.name === 'hang')) return false;
  if (one.point.vendor !== other.point.vendor) return true;
  const [first, second] = one.point.changes <= other.point.changes ? [one.point, other.point] : [other.point, one.point];
  const isLook = ({ method }: Point) => method === 'GET';
  return !isLook(second) || second.changes > first.changes + (isLook(first) ? 0 : 1);
}
