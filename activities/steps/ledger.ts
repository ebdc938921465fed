/**
 * Owns the steps that touch our own ledger alone; they run as local activities, since repeating
 * them is harmless and nothing outside is asked.
 */
import type { ConsumerSpec } from '../../workflows/domain/credential.js';
import { leaseKey } from '../../workflows/domain/credential.js';
import { chooseDue, defaultLimits } from '../../workflows/domain/planner.js';
import {
  type ChainHead,
  generationOf,
  type Identities,
  type OpenedWait,
  type OpenOrder,
  type OpenRequest,
  type Recorded,
  type RecordedVerb,
  type Remembered,
  type RunRecord,
  type SaidVerb,
  type Wait,
} from '../../workflows/domain/records.js';
import type { Outcome } from '../../workflows/domain/states.js';
import { requireWho } from '../../workflows/domain/who.js';
import { inWindow, nextOpening } from '../../workflows/domain/window.js';
import { type Deps, type ObservationDeps, requiredOf, type StepInput } from '../deps.js';
import { hashOfPlan } from '../ports/plan-hash.js';

const ownDeadline = { deadline: 5_000, settle: 0, waitForSettle: false } as const;

export function createLedgerSteps({ ledger }: Pick<Deps, 'ledger'>) {
  return {
    /**
     * The window's next opening with that much room; its distance is 0 while it is open. Asked
     * here, since zones change and a history must not; by the clock that has the last word.
     */
    windowOpening: async ({
      window,
      room,
    }: {
      readonly window: string;
      readonly room: number;
    }): Promise<{ readonly at: string; readonly inMs: number }> => {
      const now = new Date(await ledger.now());
      const opens = nextOpening(window, now, room);
      return { at: opens.toISOString(), inMs: opens.getTime() - now.getTime() };
    },

    /** What is to be started now: due, inside its window, and within the limits. */
    dueRotations: async (): Promise<readonly OpenOrder[]> => {
      const due = (await ledger.due()).filter(({ window, room }) => window === null || inWindow(window, new Date(), room));
      if (due.length === 0) return [];
      const [applied, underway] = [await ledger.configuration(), await ledger.underway()];
      const chosen = chooseDue(due, underway, applied?.configuration.limits ?? defaultLimits);
      return chosen.map(({ credential, sequence, options }) => ({ credential, sequence, options }));
    },

    openRun: async (request: OpenRequest) => {
      requireWho(request.by);
      return ledger.open(request);
    },

    reconcile: (remembered: Remembered) => ledger.reconcile(remembered),

    /** Freezes what preflight found: consumers, store and hosts; and the hash of the whole plan. */
    freezePlan: async ({
      step,
      targets,
      identities,
    }: StepInput & { targets: readonly ConsumerSpec[]; identities: Identities }): Promise<Recorded<{ planHash: string }>> => {
      const run = await ledger.run(step.run);
      const planHash = hashOfPlan(run.spec, targets, run.options);
      return ledger.once(step, ownDeadline, async (attempt) => {
        attempt.stage({ kind: 'freeze-targets', targets, planHash });
        attempt.stage({ kind: 'freeze-identities', identities });
        return { planHash };
      });
    },

    /**
     * The last wave is confirmed: from now on the new version is the one to use, and the old one is
     * watched.
     */
    cutOver: async ({ step }: StepInput): Promise<Recorded<Record<string, never>>> => {
      const run = await ledger.run(step.run);
      const versions = await ledger.versions(step.credential);
      return ledger.once(step, ownDeadline, async (attempt) => {
        if (versions.find((v) => v.generation === run.previousGeneration)?.state === 'active') {
          attempt.stage({ kind: 'move-version', generation: run.previousGeneration!, event: 'supersede' });
        }
        const state = versions.find((v) => v.generation === run.generation)?.state;
        // On the way back the old version had its place again, before it was lost.
        if (state === 'prepared' || state === 'retiring') {
          const event = state === 'prepared' ? 'activate' : 'reinstate';
          attempt.stage({ kind: 'move-version', generation: generationOf(run), event });
        }
        attempt.stage({ kind: 'cutover' });
        return {};
      });
    },

    /** Every consumer is back on the old version: it is the one to use again. */
    reinstate: async ({ step }: StepInput): Promise<Recorded<Record<string, never>>> => {
      const run = await ledger.run(step.run);
      const versions = await ledger.versions(step.credential);
      return ledger.once(step, ownDeadline, async (attempt) => {
        if (versions.find((v) => v.generation === run.generation)?.state === 'active')
          attempt.stage({ kind: 'move-version', generation: generationOf(run), event: 'supersede' });
        if (versions.find((v) => v.generation === run.previousGeneration)?.state === 'retiring') {
          attempt.stage({ kind: 'move-version', generation: run.previousGeneration!, event: 'reinstate' });
        }
        return {};
      });
    },

    /**
     * What has to be undone: who was ever told to take the new version or to stop, and whether a
     * new version stands.
     */
    readUndo: async ({
      step,
    }: StepInput): Promise<{
      delivered: readonly string[];
      minted: boolean;
      versionStands: boolean;
      /** A disable of the old version may be out, and nothing has made up for it yet. */
      disabled: boolean;
      undeployed: readonly string[];
      /** What a person was asked for and has not answered. */
      asked: readonly { readonly key: string; readonly kind: string }[];
      run: RunRecord;
    }> => {
      const run = await ledger.run(step.run);
      const version = (await ledger.versions(step.credential)).find((v) => v.generation === run.generation);
      return {
        run,
        delivered: await ledger.deliveredTo(step.run),
        asked: await ledger.openAsks(step.run),
        undeployed: await ledger.undeployed(step.run),
        minted: (await ledger.tags(step.run, 'mint')).length > 0,
        disabled: await ledger.mayHaveSent(step.run, 'disable'),
        versionStands: version !== undefined && version.state !== 'revoked',
      };
    },

    /**
     * Which programs ran when preflight looked; a run that takes over gets what the first one saw,
     * and one that follows a superseded one starts what that had stopped.
     */
    rememberRunning: async ({
      step,
      running,
      urgent,
    }: StepInput & { running: readonly string[]; urgent: boolean }): Promise<readonly string[]> => {
      const left = urgent ? await ledger.leftDown(step.run) : [];
      const remembered = [...new Set([...running, ...left])];
      return (await ledger.once(step, ownDeadline, async () => ({ running: remembered }))).result.running;
    },

    /** When programs were first told to stop; a run that takes over goes on counting from there. */
    openWindow: ({ step, since }: StepInput & { since: number }) => ledger.once(step, ownDeadline, async () => ({ since })),

    /** Whether an intent of a kind may have had its effect. */
    mayHaveSent: ({ step, kind }: StepInput & { kind: string }): Promise<boolean> => ledger.mayHaveSent(step.run, kind),
    /** Milliseconds until no request of the kinds can land any more, whoever they were about. */
    unsettled: ({ step, kinds }: StepInput & { kinds: readonly string[] }): Promise<number> =>
      ledger.unsettled(step.run, kinds, null),

    declineAsked: ({ step }: StepInput): Promise<void> => ledger.declined(step),

    releaseLease: async ({ step, consumer }: StepInput & { consumer: string }): Promise<void> =>
      ledger.releaseLease(consumer, step.run),
    releaseLeases: async ({ step }: StepInput): Promise<void> => ledger.releaseLeases(step.run),
    openWait: ({ step, wait }: StepInput & { wait: Wait }): Promise<OpenedWait> => ledger.openWait(step, wait),
    recordVerb: async ({ step, said }: StepInput & { said: SaidVerb }): Promise<RecordedVerb> => {
      requireWho(said.who);
      return ledger.recordVerb(step, said);
    },
    recordEffect: ({ step, updateId, whyNone }: StepInput & { updateId: string; whyNone: string | null }): Promise<void> =>
      ledger.recordEffect(step.run, updateId, whyNone),
    turnBack: ({ step, reason }: StepInput & { reason: string }): Promise<ChainHead> => ledger.turnBack(step, reason),
    report: ({ credential, what }: { credential: string; what: string }): Promise<void> => ledger.report(credential, what),
    beginRound: ({ step, round, reason }: StepInput & { round: number; reason: string }): Promise<ChainHead> =>
      ledger.beginRound(step, round, reason),
    close: ({
      step,
      outcome,
      reason,
      downtimeMs,
    }: StepInput & { outcome: Outcome; reason: string | null; downtimeMs: number | null }): Promise<ChainHead> =>
      ledger.close(step, outcome, reason, downtimeMs),
  };
}

/**
 * Takes the leases of all consumers in the order of their names, so that two rotations never wait
 * for each other in a ring. Waits by retry.
 */
export async function takeLeases(deps: ObservationDeps, { step }: StepInput): Promise<void> {
  const run = await deps.ledger.run(step.run);
  await deps.ledger.enter(step);
  for (const consumer of requiredOf(run).map(leaseKey).sort()) await deps.ledger.lease(step, consumer);
}

/**
 * Milliseconds until nothing that was sent to the consumers can land any more. A hand-out to a host
 * that remembers its fence is void already.
 */
export async function awaitSettled(
  deps: ObservationDeps,
  { step, kinds }: StepInput & { kinds: readonly string[] },
): Promise<number> {
  const run = await deps.ledger.run(step.run);
  let left = 0;
  for (const { host, name } of run.targets ?? []) {
    const fenced = await deps.targets.remembersFence(run, host);
    const open = kinds.filter((kind) => !(fenced && kind === 'distribute'));
    left = Math.max(left, await deps.ledger.unsettled(step.run, open, name));
  }
  return left;
}
