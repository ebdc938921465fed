/** Owns looking which services of an installation answer. */
import type { Who } from '../../workflows/domain/who.js';
import { requireTemporal } from '../connection.js';
import type { RecordedService } from '../environment.js';
import { LedgerView } from '../ledger/views.js';
import type { Access } from './access.js';

interface ServiceShown {
  readonly pid: number | null;
  readonly state: string;
}

export type ServicesShown = Readonly<Record<string, ServiceShown>>;

/** What is recorded of processes of this machine, held against what answers now. */
export async function probeServices(
  _who: Who,
  access: Access,
  { recorded }: { readonly recorded: Readonly<Record<string, RecordedService>> },
): Promise<ServicesShown> {
  const { installation } = access;
  const shown: Record<string, ServiceShown> = {};
  for (const [name, { pid, state }] of Object.entries(recorded)) shown[name] = { pid, state: isAlive(pid) ? state : 'away' };
  const [postgres, temporal] = await Promise.allSettled([
    LedgerView.open(installation).then((view) => view.close()),
    requireTemporal(installation),
  ]);
  for (const [name, { status }] of Object.entries({ postgres, temporal }))
    shown[name] = { pid: shown[name]?.pid ?? null, state: status === 'fulfilled' ? 'running' : 'away' };
  return shown;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}
