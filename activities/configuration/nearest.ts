/** Owns guessing what a misspelt name was meant to be. */

/** Longer texts are no misspelt names, and comparing them would cost. */
const longest = 64;

/** The known name that differs least, if it differs so little that it was probably meant. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  if (given.length > longest) return undefined;
  const tolerated = Math.max(1, Math.floor(given.length / 3));
  const byDistance = known.map((name) => ({ name, edits: edits(given.toLowerCase(), name.toLowerCase()) }));
  return byDistance.filter(({ edits }) => edits <= tolerated).sort((a, b) => a.edits - b.edits)[0]?.name;
}

/** "every" or another of: window, grace; or just the list, where nothing is near. */
export function choice(given: string | undefined, known: readonly string[]): string {
  const meant = given === undefined ? undefined : nearest(given, known);
  const others = known.filter((name) => name !== meant);
  if (meant === undefined) return known.length === 1 ? `"${known[0]}"` : `one of: ${list(known)}`;
  return others.length === 0 ? `"${meant}"` : `"${meant}", or another of: ${list(others)}`;
}

function list(names: readonly string[]): string {
  return names.length > 20 ? `${names.slice(0, 20).join(', ')}, …` : names.join(', ');
}

/**
 * How many letters must be inserted, removed, replaced or swapped with their neighbour to turn one
 * into the other.
 */
function edits(a: string, b: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced, isSwapped ? before[j - 2]! + 1 : replaced));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
