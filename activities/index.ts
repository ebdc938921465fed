/** Owns the list of activities by the queue that they run on; what they need is given to the factories, so that nothing here knows a concrete class. */

import { effect, observation, toFailure } from './boundary.js';
import type { Deps } from './deps.js';
import { adoptVersion, saveConfiguration } from './steps/apply.js';
import { askPerson, takeProvided } from './steps/assisted.js';
import { changeKey, compareKeys, planUpdate, proveImage, putBackKey } from './steps/attributes.js';
import { awaitSettled, createBooks, takeLeases } from './steps/books.js';
import { askForWord, takeWord, withdrawHandOut } from './steps/by-hand.js';
import {
  awaitStopped,
  confirmConsumer,
  confirmDeployed,
  deployConsumer,
  handOut,
  inspectConsumers,
  undeployConsumer,
  updateSecret,
} from './steps/consumers.js';
import { disableVersion, enableVersion, proveEnabled, waitOutSoak, watchSoak } from './steps/disable.js';
import { mintVersion, proveVersion } from './steps/mint.js';
import { preflightHost, preflightStore } from './steps/preflight.js';
import { proveSecret, regenerateSecret } from './steps/regenerate.js';
import { drain, proveDead, removeStrays, revokeVersion } from './steps/retire.js';

const given = <Input, Result>(deps: Deps, run: (deps: Deps, input: Input, signal: AbortSignal) => Promise<Result>) =>
  observation((input: Input, signal) => run(deps, input, signal));
const sent = <Input, Result>(deps: Deps, run: (deps: Deps, input: Input) => Promise<Result>) =>
  effect((input: Input) => run(deps, input));

/** Local activities: our own books alone, on the workflows' queue. */
export function createLedgerActivities(deps: Deps) {
  const books = createBooks(deps);
  type Books = typeof books;
  // A local activity has no heartbeat; only its errors need the border.
  return Object.fromEntries(
    Object.entries(books).map(([name, run]) => [
      name,
      (input: never) =>
        (run as (input: never) => Promise<unknown>)(input).catch((error: unknown) => Promise.reject(toFailure(error, false))),
    ]),
  ) as unknown as Books;
}

/** On the workflows' queue, but no local ones, since they may wait. */
export function createBookkeepingActivities(deps: Deps) {
  return {
    saveConfiguration: given(deps, saveConfiguration),
    takeLeases: given(deps, takeLeases),
    awaitSettled: given(deps, awaitSettled),
  };
}

/** On the queue of a key store. */
export function createStoreActivities(deps: Deps) {
  return {
    adoptVersion: given(deps, adoptVersion),
    preflightStore: given(deps, preflightStore),
    mintVersion: sent(deps, mintVersion),
    proveVersion: given(deps, proveVersion),
    drain: given(deps, drain),
    disableVersion: sent(deps, disableVersion),
    enableVersion: sent(deps, enableVersion),
    proveEnabled: given(deps, proveEnabled),
    waitOutSoak: given(deps, waitOutSoak),
    revokeVersion: sent(deps, revokeVersion),
    proveDead: given(deps, proveDead),
    removeStrays: given(deps, removeStrays),
    askPerson: given(deps, askPerson),
    takeProvided: given(deps, takeProvided),
    regenerateSecret: sent(deps, regenerateSecret),
    proveSecret: sent(deps, proveSecret),
    compareKeys: given(deps, compareKeys),
    planUpdate: sent(deps, planUpdate),
    changeKey: sent(deps, changeKey),
    putBackKey: sent(deps, putBackKey),
    proveImage: given(deps, proveImage),
  };
}

/** On the queue of an app host. */
export function createHostActivities(deps: Deps) {
  return {
    preflightHost: given(deps, preflightHost),
    inspectConsumers: given(deps, inspectConsumers),
    watchSoak: given(deps, watchSoak),
    handOut: sent(deps, handOut),
    askForWord: given(deps, askForWord),
    takeWord: sent(deps, takeWord),
    withdrawHandOut: sent(deps, withdrawHandOut),
    confirmConsumer: given(deps, confirmConsumer),
    undeployConsumer: sent(deps, undeployConsumer),
    awaitStopped: given(deps, awaitStopped),
    updateSecret: sent(deps, updateSecret),
    deployConsumer: sent(deps, deployConsumer),
    confirmDeployed: given(deps, confirmDeployed),
  };
}

export type LedgerActivities = ReturnType<typeof createLedgerActivities>;
export type BookkeepingActivities = ReturnType<typeof createBookkeepingActivities>;
export type StoreActivities = ReturnType<typeof createStoreActivities>;
export type HostActivities = ReturnType<typeof createHostActivities>;

export type { AdoptInput, AdoptResult, ApplyInput } from './steps/apply.js';
export type { CompareInput, UpdatePlan } from './steps/attributes.js';
export type { HostPreflight } from './steps/preflight.js';
