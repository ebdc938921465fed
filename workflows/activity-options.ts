/**
 * Owns how activities are called: queue, time-outs, retries. Every number here decides how long a
 * dead worker or a vendor that is away is felt.
 */
import { ActivityCancellationType, type ActivityOptions, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { HostActivities, LedgerActivities, LocalLedgerActivities, StoreActivities } from '../activities/index.js';
import { believed } from './calls.js';
import { hostQueue, mainQueue, storeQueue } from './contract.js';
import type { ManagementPlace } from './domain/management.js';

/**
 * A heartbeat that stays out shows a dead worker within seconds; retries go on without end, since
 * the world comes back.
 */
const patient = {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '2 seconds',
  retry: { initialInterval: '100 ms', backoffCoefficient: 2, maximumInterval: '10 seconds' },
} as const satisfies ActivityOptions;

/** An abort waits for an effect in flight, and only for that; an observation is dropped at once. */
const effects = { ...patient, cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED } as const;

/** Our own ledger: short, repeatable, and out of the history but for a marker. */
export const localLedger = believed(
  proxyLocalActivities<LocalLedgerActivities>({
    startToCloseTimeout: '10 seconds',
    retry: { initialInterval: '50 ms', backoffCoefficient: 2, maximumInterval: '2 seconds' },
  }),
);

const calling = <Activities extends object>(options: ActivityOptions): Activities =>
  believed(proxyActivities<Activities>(options) as Activities);

export const ledger = calling<LedgerActivities>({ ...patient, taskQueue: mainQueue });

export const atStore = (store: string) => calling<StoreActivities>({ ...patient, taskQueue: storeQueue(store) });
export const effectsAtStore = (store: string) => calling<StoreActivities>({ ...effects, taskQueue: storeQueue(store) });
export const atHost = (host: string) => calling<HostActivities>({ ...patient, taskQueue: hostQueue(host) });
export const effectsAtHost = (host: string) => calling<HostActivities>({ ...effects, taskQueue: hostQueue(host) });

/** A consumer has this long to prove what it uses; then its wave is bad. */
export const confirmingAtHost = (host: string, confirm: number) =>
  calling<HostActivities>({ ...patient, taskQueue: hostQueue(host), scheduleToCloseTimeout: confirm });

/**
 * The last look at a consumer whose time is over: what it sees counts, and what it says is told.
 */
export const lastAtHost = (host: string) =>
  calling<HostActivities>({ ...patient, retry: { maximumAttempts: 1 }, taskQueue: hostQueue(host) });

/**
 * Forward, a consumer that cannot be handed anything is bad in the end; on the way back there is
 * nothing else than to go on trying.
 */
export const distributingAtHost = (host: string, within: number | null) =>
  within === null
    ? effectsAtHost(host)
    : calling<HostActivities>({ ...effects, taskQueue: hostQueue(host), scheduleToCloseTimeout: within });

/** A store has this long to show what it was told. */
export const provingAtStore = (store: string, within: number) =>
  calling<StoreActivities>({ ...patient, taskQueue: storeQueue(store), scheduleToCloseTimeout: within });

/**
 * Adopting, and a look at a key, are asked for by a person who waits: a queue that nobody serves
 * must not hang.
 */
export const adoptingAtStore = (store: string) =>
  calling<StoreActivities>({ ...patient, taskQueue: storeQueue(store), scheduleToCloseTimeout: '30 seconds' });

/** The same, while an incident is planned. */
export const surveyingAtStore = (store: string) =>
  calling<StoreActivities>({ ...patient, taskQueue: storeQueue(store), scheduleToCloseTimeout: '10 seconds' });

/** A person waits for this answer, too, and does without that of a queue that nobody serves. */
export const digestingAt = ({ section, name }: ManagementPlace) =>
  calling<Pick<StoreActivities & HostActivities, 'digestManagement'>>({
    ...patient,
    taskQueue: section === 'stores' ? storeQueue(name) : hostQueue(name),
    scheduleToCloseTimeout: '10 seconds',
  });
