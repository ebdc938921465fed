/**
 * Owns the list of activities by the queue that they run on; what they need is given to the
 * factories, so that nothing here knows a concrete class.
 */

import { asBookkeeping, asEffect, asObservation } from './boundary.js';
import { type ApplyDeps, type AskingDeps, type Deps, type EffectDeps, type ObservationDeps, withOnce } from './deps.js';
import type { Engine } from './ports/engine.js';
import { adoptVersion, saveConfiguration } from './steps/apply.js';
import { askPerson } from './steps/ask-person.js';
import { changeKey, planUpdate, proveImage, putBackKey } from './steps/attributes.js';
import { compareKeys } from './steps/compare-keys.js';
import {
  awaitStopped,
  confirmConsumer,
  confirmDeployed,
  deployConsumer,
  distribute,
  inspectConsumers,
  undeployConsumer,
  updateSecret,
} from './steps/consumers.js';
import { containVersion } from './steps/contain.js';
import { digestManagement } from './steps/digest-management.js';
import { disableVersion, enableVersion, proveEnabled, waitOutSoak, watchSoak } from './steps/disable.js';
import { createIncidentSteps, type TellInput, tellRun } from './steps/incidents.js';
import { awaitSettled, createLedgerSteps, takeLeases } from './steps/ledger.js';
import { askForAttestation, recordAttestation, withdrawStaged } from './steps/manual-delivery.js';
import { copyMemberships } from './steps/memberships.js';
import { mintVersion, proveVersion } from './steps/mint.js';
import { preflightHost, preflightStore } from './steps/preflight.js';
import { proveSecret, regenerateSecret } from './steps/regenerate.js';
import { drain, proveDead, removeOrphans, revokeVersion } from './steps/retire.js';
import { surveyStore } from './steps/survey-store.js';
import { lostRuns } from './steps/sweep.js';
import { takeProvided } from './steps/take-provided.js';

const observation = <Input, Result>(
  deps: ObservationDeps,
  run: (deps: ObservationDeps, input: Input, signal: AbortSignal) => Promise<Result>,
) => asObservation((input: Input, signal) => run(deps, input, signal));

/** Outside of any run. */
const applying = <Input, Result>(deps: ApplyDeps, run: (deps: ApplyDeps, input: Input, signal: AbortSignal) => Promise<Result>) =>
  asObservation((input: Input, signal) => run(deps, input, signal));

const effect = <Input, Result>(deps: EffectDeps, run: (deps: EffectDeps, input: Input) => Promise<Result>) =>
  asEffect((input: Input) => run(deps, input));

/** Asks a person, or takes the answer: it looks for itself as an observation does. */
const asking = <Input, Result>(
  deps: AskingDeps & EffectDeps,
  run: (deps: AskingDeps & EffectDeps, input: Input, signal: AbortSignal) => Promise<Result>,
) => asObservation((input: Input, signal) => run(deps, input, signal));

/** Local activities: our own ledger alone, on the workflows' queue. */
export function createLocalLedgerActivities(deps: Pick<Deps, 'ledger'>) {
  const steps = { ...createLedgerSteps(deps), ...createIncidentSteps(deps) };
  return {
    windowOpening: asBookkeeping(steps.windowOpening),
    dueRotations: asBookkeeping(steps.dueRotations),
    openRun: asBookkeeping(steps.openRun),
    reconcile: asBookkeeping(steps.reconcile),
    freezePlan: asBookkeeping(steps.freezePlan),
    cutOver: asBookkeeping(steps.cutOver),
    reinstate: asBookkeeping(steps.reinstate),
    readUndo: asBookkeeping(steps.readUndo),
    rememberRunning: asBookkeeping(steps.rememberRunning),
    openWindow: asBookkeeping(steps.openWindow),
    mayHaveSent: asBookkeeping(steps.mayHaveSent),
    unsettled: asBookkeeping(steps.unsettled),
    declineAsked: asBookkeeping(steps.declineAsked),
    releaseLease: asBookkeeping(steps.releaseLease),
    releaseLeases: asBookkeeping(steps.releaseLeases),
    openWait: asBookkeeping(steps.openWait),
    recordVerb: asBookkeeping(steps.recordVerb),
    recordEffect: asBookkeeping(steps.recordEffect),
    turnBack: asBookkeeping(steps.turnBack),
    report: asBookkeeping(steps.report),
    beginRound: asBookkeeping(steps.beginRound),
    close: asBookkeeping(steps.close),
    openIncident: asBookkeeping(steps.openIncident),
    openIncidents: asBookkeeping(steps.openIncidents),
    incidentState: asBookkeeping(steps.incidentState),
    haltIncident: asBookkeeping(steps.haltIncident),
    advanceIncident: asBookkeeping(steps.advanceIncident),
    untilMoment: asBookkeeping(steps.untilMoment),
    meetMoment: asBookkeeping(steps.meetMoment),
    versionsToEnd: asBookkeeping(steps.versionsToEnd),
    meetHosts: asBookkeeping(steps.meetHosts),
    recordLeak: asBookkeeping(steps.recordLeak),
  };
}

/** On the workflows' queue, but no local ones, since they may wait. */
export function createLedgerActivities(deps: Deps & { readonly engine: Engine }) {
  const looking = withOnce(deps);
  return {
    saveConfiguration: applying(looking, saveConfiguration),
    takeLeases: observation(looking, takeLeases),
    awaitSettled: observation(looking, awaitSettled),
    tellRun: asObservation((input: TellInput) => tellRun(deps, input)),
    lostRuns: asObservation((_: object) => lostRuns(deps)),
  };
}

/** On the queue of a key store. */
export function createStoreActivities(deps: Deps) {
  const acting = withOnce(deps);
  return {
    adoptVersion: applying(acting, adoptVersion),
    digestManagement: applying(acting, digestManagement),
    surveyStore: applying(acting, surveyStore),
    preflightStore: observation(acting, preflightStore),
    mintVersion: effect(acting, mintVersion),
    proveVersion: observation(acting, proveVersion),
    copyMemberships: effect(acting, copyMemberships),
    drain: observation(acting, drain),
    containVersion: effect(acting, containVersion),
    disableVersion: effect(acting, disableVersion),
    enableVersion: effect(acting, enableVersion),
    proveEnabled: observation(acting, proveEnabled),
    waitOutSoak: observation(acting, waitOutSoak),
    revokeVersion: effect(acting, revokeVersion),
    proveDead: observation(acting, proveDead),
    removeOrphans: effect(acting, removeOrphans),
    askPerson: asking(acting, askPerson),
    takeProvided: asking(acting, takeProvided),
    regenerateSecret: effect(acting, regenerateSecret),
    proveSecret: effect(acting, proveSecret),
    compareKeys: applying(acting, compareKeys),
    planUpdate: effect(acting, planUpdate),
    changeKey: effect(acting, changeKey),
    putBackKey: effect(acting, putBackKey),
    proveImage: observation(acting, proveImage),
  };
}

/** On the queue of an app host. */
export function createHostActivities(deps: Deps) {
  const acting = withOnce(deps);
  return {
    preflightHost: observation(acting, preflightHost),
    digestManagement: applying(acting, digestManagement),
    inspectConsumers: observation(acting, inspectConsumers),
    watchSoak: observation(acting, watchSoak),
    distribute: effect(acting, distribute),
    askForAttestation: observation(acting, askForAttestation),
    recordAttestation: effect(acting, recordAttestation),
    withdrawStaged: effect(acting, withdrawStaged),
    confirmConsumer: observation(acting, confirmConsumer),
    undeployConsumer: effect(acting, undeployConsumer),
    awaitStopped: observation(acting, awaitStopped),
    updateSecret: effect(acting, updateSecret),
    deployConsumer: effect(acting, deployConsumer),
    confirmDeployed: observation(acting, confirmDeployed),
  };
}

export type LocalLedgerActivities = ReturnType<typeof createLocalLedgerActivities>;
export type LedgerActivities = ReturnType<typeof createLedgerActivities>;
export type StoreActivities = ReturnType<typeof createStoreActivities>;
export type HostActivities = ReturnType<typeof createHostActivities>;

export type { AdoptInput, ApplyInput } from './steps/apply.js';
export type { UpdatePlan } from './steps/attributes.js';
export type { CompareInput } from './steps/compare-keys.js';
export type { Deployed } from './steps/consumers.js';
export type { HostPreflight } from './steps/preflight.js';
