/** Owns reading a list whose pages move while they are read, so that no key is overlooked. */
import { RekeyError } from '../../../workflows/domain/errors.js';

interface Pages {
  readonly keys: readonly { readonly id: string }[];
  readonly pages: number;
}

/** So often is it read anew before we say that it cannot be read. */
const tries = 4;

/** A list of one page counts as it is, a longer one when it reads the same twice. */
export async function readSteadyList<List extends Pages>(store: string, read: () => Promise<List>): Promise<List> {
  let before: List | null = null;
  for (let count = 0; count < tries; count++) {
    const found = await read();
    if (found.pages === 1 || (before && sameKeys(before, found))) return found;
    before = found;
  }
  throw new RekeyError('KR_STORE_UNAVAILABLE', `${store}: list keys: the list changed each time while it was read`);
}

function sameKeys({ keys: a }: Pages, { keys: b }: Pages): boolean {
  return a.length === b.length && a.every(({ id }, at) => id === b[at]!.id);
}
