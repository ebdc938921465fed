/**
 * Owns the list of activities by the queue that they run on; what they need is given to the
 * factories, so that nothing here knows a concrete class.
 */

import { asEffect, asObservation, toFailure } from './boundary.js';
import type { Deps } from './deps.js';
import { adoptVersion, saveConfiguration } from './steps/apply.js';
import { changeKey, compareKeys, planUpdate, proveImage, putBackKey } from './steps/attributes.js';
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
import { disableVersion, enableVersion, proveEnabled, waitOutSoak, watchSoak } from './steps/disable.js';
import { awaitSettled, createLedgerSteps, takeLeases } from './steps/ledger.js';
import { askForAttestation, recordAttestation, withdrawStaged } from './steps/manual-delivery.js';
import { askPerson, takeProvided } from './steps/manual-effect.js';
import { mintVersion, proveVersion } from './steps/mint.js';
import { preflightHost, preflightStore } from './steps/preflight.js';
import { proveSecret, regenerateSecret } from './steps/regenerate.js';
import { drain, proveDead, removeOrphans, revokeVersion } from './steps/retire.js';

const observation = <Input, Result>(deps: Deps, run: (deps: Deps, input: Input, signal: AbortSignal) => Promise<Result>) =>
  asObservation((input: Input, signal) => run(deps, input, signal));
const effect = <Input, Result>(deps: Deps, run: (deps: Deps, input: Input) => Promise<Result>) =>
  asEffect((input: Input) => run(deps, input));

/** Local activities: our own ledger alone, on the workflows' queue. */
export function createLocalLedgerActivities(deps: Deps) {
  const steps = createLedgerSteps(deps);
  type Steps = typeof steps;
  // A local activity has no heartbeat; only its errors need the border.
  return Object.fromEntries(
    Object.entries(steps).map(([name, run]) => [
      name,
      (input: never) =>
        (run as (input: never) => Promise<unknown>)(input).catch((error: unknown) => Promise.reject(toFailure(error, false))),
    ]),
  ) as unknown as Steps;
}

/** On the workflows' queue, but no local ones, since they may wait. */
export function createLedgerActivities(deps: Deps) {
  return {
    saveConfiguration: observation(deps, saveConfiguration),
    takeLeases: observation(deps, takeLeases),
    awaitSettled: observation(deps, awaitSettled),
  };
}

/** On the queue of a key store. */
export function createStoreActivities(deps: Deps) {
  return {
    adoptVersion: observation(deps, adoptVersion),
    preflightStore: observation(deps, preflightStore),
    mintVersion: effect(deps, mintVersion),
    proveVersion: observation(deps, proveVersion),
    drain: observation(deps, drain),
    disableVersion: effect(deps, disableVersion),
    enableVersion: effect(deps, enableVersion),
    proveEnabled: observation(deps, proveEnabled),
    waitOutSoak: observation(deps, waitOutSoak),
    revokeVersion: effect(deps, revokeVersion),
    proveDead: observation(deps, proveDead),
    removeOrphans: observation(deps, removeOrphans),
    askPerson: observation(deps, askPerson),
    takeProvided: observation(deps, takeProvided),
    regenerateSecret: effect(deps, regenerateSecret),
    proveSecret: effect(deps, proveSecret),
    compareKeys: observation(deps, compareKeys),
    planUpdate: effect(deps, planUpdate),
    changeKey: effect(deps, changeKey),
    putBackKey: effect(deps, putBackKey),
    proveImage: observation(deps, proveImage),
  };
}

/** On the queue of an app host. */
export function createHostActivities(deps: Deps) {
  return {
    preflightHost: observation(deps, preflightHost),
    inspectConsumers: observation(deps, inspectConsumers),
    watchSoak: observation(deps, watchSoak),
    distribute: effect(deps, distribute),
    askForAttestation: observation(deps, askForAttestation),
    recordAttestation: effect(deps, recordAttestation),
    withdrawStaged: effect(deps, withdrawStaged),
    confirmConsumer: observation(deps, confirmConsumer),
    undeployConsumer: effect(deps, undeployConsumer),
    awaitStopped: observation(deps, awaitStopped),
    updateSecret: effect(deps, updateSecret),
    deployConsumer: effect(deps, deployConsumer),
    confirmDeployed: observation(deps, confirmDeployed),
  };
}

export type LocalLedgerActivities = ReturnType<typeof createLocalLedgerActivities>;
export type LedgerActivities = ReturnType<typeof createLedgerActivities>;
export type StoreActivities = ReturnType<typeof createStoreActivities>;
export type HostActivities = ReturnType<typeof createHostActivities>;

export type { AdoptInput, AdoptResult, ApplyInput } from './steps/apply.js';
export type { CompareInput, UpdatePlan } from './steps/attributes.js';
export type { HostPreflight } from './steps/preflight.js';
