/**
 * Owns what is done to consumers: look, hand out, confirm, stop, start. Runs on the queue of their
 * host.
 */

import { leaseKey } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import type { Recorded } from '../../workflows/domain/records.js';
import { isStopped } from '../../workflows/domain/regenerate.js';
import { isConverged } from '../../workflows/domain/revoke.js';
import {
  consumerContextOf,
  type Deps,
  databaseClock,
  deliveryOf,
  knownVersions,
  type StepInput,
  sleep,
  targetOf,
  within,
} from '../deps.js';
import type { AppHost, Delivery } from '../ports/app-host.js';

export interface ConsumerInput extends StepInput {
  readonly consumer: string;
}

export interface DistributeInput extends ConsumerInput {
  readonly generation: number;
}

/** `manual`: a person was given the version, and it is asked for that person's word. */
export type Distributed = Readonly<Record<'manual', true> | Record<string, never>>;

export interface InspectInput extends StepInput {
  readonly host: string;
  readonly consumers: readonly string[];
}

/** Milliseconds between two looks at something that changes within seconds. */
const pollInterval = 100;

/** Observes: every consumer named, once. Writes: the inspections, at the database's time. */
export async function inspectConsumers(
  deps: Deps,
  { step, host: name, consumers }: InspectInput,
  signal: AbortSignal,
): Promise<readonly Inspection[]> {
  const run = await deps.ledger.run(step.run);
  const host = await deps.hosts.of(name);
  const known = await knownVersions(deps, step.credential);
  const lookedAt = await deps.ledger.now();
  const inspections = await Promise.all(
    consumers.map((consumer) =>
      host.inspect(targetOf(run, consumer), known, within(signal, host.capabilities.timing.request * 2)),
    ),
  );
  await deps.ledger.recordInspections(step, lookedAt, inspections);
  return inspections;
}

/**
 * Delivers a version to one consumer and makes it take it. One activity, since repeating both is
 * harmless. Writes: the consumer's source, its running instances. Takes the consumer's lease and
 * keeps it until `confirm`.
 */
export async function distribute(
  deps: Deps,
  { step, consumer: name, generation }: DistributeInput,
): Promise<Recorded<Distributed>> {
  const { consumer, host } = await consumerContextOf(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const delivery = await deliveryOf(deps, step, consumer, generation);

  const distributed: Distributed = host.manual ? { manual: true } : {};
  return deps.ledger.once(
    step,
    { deadline: request * 2, settle, waitForSettle: !host.capabilities.remembersFence },
    async (attempt) => {
      attempt.beforeSending();
      await deliver(deps, host, delivery, within(attempt.signal, request));
      await host.apply(consumer, attempt.signal);
      return distributed;
    },
  );
}

/**
 * A host that holds a higher fence than the newest one of ours shows that the ledger was set back:
 * it is raised above, and the step repeated.
 */
async function deliver(deps: Deps, host: AppHost, delivery: Delivery, signal: AbortSignal): Promise<void> {
  try {
    await host.deliver(delivery, signal);
  } catch (error) {
    const held = error instanceof RekeyError && error.code === 'KR_HOST_FENCED' ? error.heldFence : undefined;
    if (held !== undefined && (await deps.ledger.raiseLease(leaseKey(delivery.consumer), delivery.fence.number, held))) {
      throw new RekeyError('KR_ATTEMPT_LOST', `${delivery.consumer.name} holds fence ${held}; ours was set back and is raised`);
    }
    throw error;
  }
}

/** Observes: one consumer, until each instance proves the version. Releases the lease. */
export async function confirmConsumer(
  deps: Deps,
  { step, consumer: name, generation }: DistributeInput,
  signal: AbortSignal,
): Promise<void> {
  const { run, consumer, host } = await consumerContextOf(deps, step, name);
  const { evidence } = run.spec.policy;
  const now = await databaseClock(deps);
  const until = performance.now() + maxWait;
  for (;;) {
    const known = await knownVersions(deps, step.credential);
    const lookedAt = now();
    const seen = await host.inspect(consumer, known, within(signal, host.capabilities.timing.request * 2));
    if (isConverged(seen, generation, evidence) && (!seen.showsSource || seen.source === generation)) {
      await deps.ledger.recordInspections(step, lookedAt, [seen]);
      await deps.ledger.releaseLease(leaseKey(consumer), step.run);
      return;
    }
    if (performance.now() > until) {
      // For whoever looks meanwhile; and a ledger that was set back is noticed by it.
      await deps.ledger.recordInspections(step, lookedAt, [seen]);
      throw new RekeyError('KR_NOT_YET_CONFIRMED', `${name}: ${describe(seen, generation)}`, 1_000);
    }
    await sleep(pollInterval);
  }
}

/**
 * How long an activity looks again by itself before it leaves the waiting to its retry policy, in
 * milliseconds.
 */
const maxWait = 10_000;

function describe(seen: Inspection, generation: number): string {
  if (!seen.healthy) return seen.detail || seen.state;
  const on = seen.instances.map((i) => (i.generation === null ? 'an unknown key' : `generation ${i.generation} (${i.evidence})`));
  return on.length === 0 ? 'no instance is seen' : `instances are on ${on.join(', ')} instead of generation ${generation}`;
}

/** Writes: one program is told to stop. Whether it did is `awaitStopped`. */
export async function undeployConsumer(
  deps: Deps,
  { step, consumer: name }: ConsumerInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host } = await consumerContextOf(deps, step, name);
  return deps.ledger.once(
    step,
    { deadline: host.capabilities.timing.request * 2, settle: host.capabilities.timing.settle, waitForSettle: false },
    async (attempt) => {
      attempt.beforeSending();
      await host.undeploy!(consumer, within(attempt.signal, host.capabilities.timing.request));
      return {};
    },
  );
}

/** Observes: the consumers of one host, until no instance runs. */
export async function awaitStopped(
  deps: Deps,
  { step, host: name, consumers }: InspectInput,
  signal: AbortSignal,
): Promise<void> {
  const run = await deps.ledger.run(step.run);
  const host = await deps.hosts.of(name);
  const now = await databaseClock(deps);
  const until = performance.now() + maxWait;
  for (;;) {
    const lookedAt = now();
    const seen = await Promise.all(
      consumers.map((c) => host.inspect(targetOf(run, c), [], within(signal, host.capabilities.timing.request))),
    );
    if (seen.every(isStopped)) return deps.ledger.recordInspections(step, lookedAt, seen);
    const running = seen.filter((i) => !isStopped(i)).map((i) => i.consumer);
    if (performance.now() > until) throw new RekeyError('KR_STILL_RUNNING', running.join(', '), 1_000);
    await sleep(pollInterval);
  }
}

/**
 * Writes: the secret where one consumer takes it from. The program does not run; starting it is
 * another step.
 */
export async function updateSecret(
  deps: Deps,
  { step, consumer: name, generation }: DistributeInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host } = await consumerContextOf(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const delivery = await deliveryOf(deps, step, consumer, generation);
  return deps.ledger.once(
    step,
    { deadline: request * 2, settle, waitForSettle: !host.capabilities.remembersFence },
    async (attempt) => {
      attempt.beforeSending();
      await deliver(deps, host, delivery, within(attempt.signal, request));
      return {};
    },
  );
}

/** Writes: one program is told to start. A program that runs or starts already is left alone. */
export async function deployConsumer(
  deps: Deps,
  { step, consumer: name }: ConsumerInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host } = await consumerContextOf(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  return deps.ledger.once(step, { deadline: request * 2, settle, waitForSettle: false }, async (attempt) => {
    if (attempt.earlier.length > 0 && (await isUp(host, consumer, attempt.signal))) return {};
    attempt.beforeSending();
    await host.deploy!(consumer, within(attempt.signal, request));
    return {};
  });
}

async function isUp(host: AppHost, consumer: Parameters<AppHost['inspect']>[0], signal: AbortSignal): Promise<boolean> {
  const { state } = await host.inspect(consumer, [], signal);
  return state === 'running' || state === 'starting';
}

/**
 * Observes: one program until it runs and is well. One that is refused its login is stopped at
 * once: every further try would count towards a lock.
 */
export async function confirmDeployed(deps: Deps, { step, consumer: name }: ConsumerInput, signal: AbortSignal): Promise<void> {
  const { consumer, host } = await consumerContextOf(deps, step, name);
  const now = await databaseClock(deps);
  const until = performance.now() + maxWait;
  for (;;) {
    const lookedAt = now();
    const seen = await host.inspect(consumer, [], within(signal, host.capabilities.timing.request));
    if (seen.state === 'running' && seen.healthy) {
      await deps.ledger.recordInspections(step, lookedAt, [seen]);
      await deps.ledger.releaseLease(leaseKey(consumer), step.run);
      return;
    }
    if (seen.authenticationFailed) {
      await host.undeploy!(consumer, within(signal, host.capabilities.timing.request));
      throw new RekeyError('KR_APP_REFUSED', `${name} was refused its login and is stopped`);
    }
    // Something stopped it after we started it, such as a late undeploy: it is started again.
    if (seen.state === 'stopped') await host.deploy!(consumer, within(signal, host.capabilities.timing.request));
    if (performance.now() > until)
      throw new RekeyError('KR_NOT_YET_CONFIRMED', `${name} is ${seen.state}${seen.detail ? `: ${seen.detail}` : ''}`, 1_000);
    await sleep(pollInterval);
  }
}
