/**
 * Owns the steps of incidents that touch our own ledger alone; they run as local activities, like
 * those of runs.
 */
import { RekeyError } from '../../workflows/domain/errors.js';
import {
  type HaltRequest,
  nextRound,
  type OpenIncidentRequest,
  type Round,
  type VersionToEnd,
} from '../../workflows/domain/incident.js';
import type { Identities, Recorded } from '../../workflows/domain/records.js';
import { requireWho } from '../../workflows/domain/who.js';
import type { Deps, StepInput } from '../deps.js';
import type { Engine } from '../ports/engine.js';

const ownDeadline = { deadline: 5_000, settle: 0, waitForSettle: false } as const;

export interface LeakInput extends StepInput {
  /** The version that every endpoint refuses; null where nothing was proved. */
  readonly dead: number | null;
  /** Everybody is on another version. */
  readonly replaced: boolean;
}

export function createIncidentSteps({ ledger }: Pick<Deps, 'ledger'>) {
  return {
    openIncident: async (request: OpenIncidentRequest) => {
      requireWho(request.by);
      return ledger.openIncident(request);
    },

    openIncidents: () => ledger.openIncidents(),

    incidentState: ({ incident }: { readonly incident: string }) => ledger.incidentState(incident),

    haltIncident: async (request: HaltRequest): Promise<void> => {
      requireWho(request.by);
      await ledger.haltIncident(request);
    },

    /** Settles what has come to its end, and says what is next; `isOver`: nothing is any more. */
    advanceIncident: async ({
      incident: id,
      failures,
    }: {
      readonly incident: string;
      readonly failures: Readonly<Record<string, string>>;
    }): Promise<Round & { readonly isOver: boolean }> => {
      const { incident, items } = await ledger.incidentRound(id);
      if (incident === null) return { begin: [], tell: [], settled: [], isOver: true };
      const round = nextRound(incident, items, failures);
      if (round.settled.length > 0) await ledger.settleIncident(id, round.settled);
      return { ...round, isOver: round.settled.length === items.length };
    },

    /** Milliseconds until then, by the clock that has the last word. */
    untilMoment: async ({ at }: { readonly at: string }): Promise<number> => Math.max(Date.parse(at) - (await ledger.now()), 0),

    /** Whether the moment had passed when there was something in the place of what is to die. */
    meetMoment: async ({ step, at }: StepInput & { readonly at: string }): Promise<Recorded<{ lapsed: boolean }>> => {
      const lapsed = Date.parse(at) <= (await ledger.now());
      return ledger.once(step, ownDeadline, async () => ({ lapsed }));
    },

    versionsToEnd: ({ step }: StepInput): Promise<readonly VersionToEnd[]> => ledger.versionsToEnd(step.run),

    /** Hosts and machines of which nobody knew yet who they are. */
    meetHosts: async ({
      step,
      hosts,
    }: StepInput & { hosts: Identities['hosts'] }): Promise<Recorded<{ hosts: Identities['hosts'] }>> =>
      ledger.once(step, ownDeadline, async (attempt) => {
        attempt.stage({ kind: 'meet-hosts', hosts });
        return { hosts };
      }),

    /** What became of a key that has leaked. */
    recordLeak: async ({ step, dead, replaced }: LeakInput): Promise<Recorded<Record<string, never>>> =>
      ledger.once(step, ownDeadline, async (attempt) => {
        if (dead !== null) attempt.stage({ kind: 'dead', generation: dead });
        if (replaced) attempt.stage({ kind: 'replaced' });
        return {};
      }),
  };
}

export interface TellInput {
  readonly incident: string;
  readonly credential: string;
}

/**
 * Writes: what an open run answers for from now on; and ends its workflow, whatever it stands
 * still for. Whoever takes the run over begins with that, under a fence that voids what was before.
 * Nothing where the incident was paused or stopped meanwhile.
 */
export async function tellRun(
  { ledger, engine }: Pick<Deps, 'ledger'> & { readonly engine: Pick<Engine, 'endRun'> },
  { incident, credential }: TellInput,
): Promise<void> {
  try {
    await ledger.tellRun(incident, credential);
  } catch (error) {
    if (error instanceof RekeyError && error.code === 'KR_NOT_CALLED_FOR') return;
    throw error;
  }
  await engine.endRun(credential, `${incident} names its key; the run goes on from the ledger`);
}
