/** Owns looking up the run that something is to be said to. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Who } from '../../workflows/domain/who.js';
import type { RunShown } from '../ledger/views.js';
import type { Access } from './access.js';

/** Throws KR_VERB_ILLEGAL where it has ended: nothing more can be said to it. */
export async function requireOpenRun(_who: Who, access: Access, { run: id }: { readonly run: string }): Promise<RunShown> {
  const run = await access.readLedger((view) => view.run(id));
  if (run.outcome) throw new RekeyError('KR_VERB_ILLEGAL', `${run.id} has ended: ${run.outcome}`);
  return run;
}
