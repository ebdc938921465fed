/** Owns finding the runs that are open in the ledger and run no more. */
import type { OpenOrder } from '../../workflows/domain/records.js';
import type { Deps } from '../deps.js';
import type { Engine } from '../ports/engine.js';

/** Whatever else is lost is found at the next sweep: each one is two events of its history. */
const mostAtOnce = 200;

/**
 * Those that the engine does not name, the longest open first. It may not know yet of one that has
 * just begun: to begin that one again does nothing.
 */
export async function lostRuns({
  ledger,
  engine,
}: Pick<Deps, 'ledger'> & { readonly engine: Engine }): Promise<readonly OpenOrder[]> {
  const open = await ledger.sweep();
  if (open.length === 0) return [];
  const running = await engine.credentialsUnderway();
  return open.filter(({ credential }) => !running.has(credential)).slice(0, mostAtOnce);
}
