/**
 * Owns how an incident is answered: one run for each credential, as many side by side as its store
 * may have open, until something has come of every key. What it knows is in the ledger, so that
 * whoever carries it on begins with the same.
 */
import { allHandlersFinished, condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import { ledger, localLedger } from './activity-options.js';
import { haltUpdate, type IncidentOrder, type IncidentReport } from './contract.js';
import type { RunOptions } from './domain/credential.js';
import { type Envelope, enclose } from './domain/envelope.js';
import { incidentId, type NextRun } from './domain/incident.js';
import { system } from './domain/who.js';
import { begin } from './launch.js';

/**
 * Milliseconds between two looks at the ledger: a run that ends is heard of at once, and one that
 * begins to wait for a person gives its place to another.
 */
const lookEvery = { least: 1_000, most: 30_000 } as const;

export async function answerIncident(order: IncidentOrder): Promise<IncidentReport> {
  const { plan, ...opening } = order;
  const incident = incidentId(order.number);
  const failures: Record<string, string> = {};
  let ended = 0;
  setHandler(haltUpdate, async (request) => {
    await localLedger.haltIncident({ ...request, incident });
    ended++;
    return { incident };
  });
  if (plan) await localLedger.openIncident({ ...opening, plan, workflowRun: workflowInfo().runId });
  for (let pause: number = lookEvery.least; ; pause = Math.min(pause * 2, lookEvery.most)) {
    const seen = ended;
    const round = await localLedger.advanceIncident({ incident, failures });
    if (round.isOver) {
      await condition(allHandlersFinished);
      return { incident };
    }
    const fate = ({ credential }: NextRun) => ({
      failed: (why: string) => {
        failures[credential] = why;
      },
      over: () => void ended++,
    });
    for (const next of round.begin) await beginRun(incident, next, { without: [], incident }, fate(next));
    for (const open of round.tell) {
      await ledger.tellRun({ incident, credential: open.credential });
      await beginRun(incident, open, open.options, fate(open), 'open');
    }
    if (round.begin.length > 0 || round.tell.length > 0 || round.settled.length > 0) pause = lookEvery.least;
    if (await condition(() => ended > seen, pause)) pause = lookEvery.least;
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await goOn(order);
    }
  }
}

/** What to do once it could not even be opened, and once it has ended. */
interface Fate {
  failed(why: string): void;
  over(): void;
}

async function beginRun(
  incident: string,
  { credential, sequence }: NextRun,
  options: RunOptions,
  { failed, over }: Fate,
  onlyIf?: 'open',
): Promise<void> {
  const run = await begin({ credential, sequence, options }, system(incident), onlyIf);
  const heard = (why: string | null) => {
    if (why !== null) failed(why);
    over();
  };
  run?.ended().then(heard, over);
}

/** What runs is found in the ledger. */
function goOn(order: IncidentOrder): Promise<never> {
  const next: IncidentOrder = { ...order, plan: null };
  return continueAsNew<(message: Envelope) => Promise<unknown>>(enclose('start', 'answerIncident', order.id, [next]));
}
