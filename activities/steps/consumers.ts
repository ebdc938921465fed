/**
 * Owns what is done to consumers: look, hand out, confirm, stop, start. Runs on the queue of their
 * host.
 */

import { type ConsumerSpec, leaseKey } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import type { Recorded } from '../../workflows/domain/records.js';
import { isStopped } from '../../workflows/domain/regenerate.js';
import { isConverged } from '../../workflows/domain/revoke.js';
import {
  beginLook,
  consumerContextOf,
  deliveryOf,
  type EffectDeps,
  effectAtHost,
  hostContextOf,
  knownVersions,
  lookAt,
  type ObservationDeps,
  type StepInput,
  sleep,
  within,
} from '../deps.js';
import type { AppHostEffects, AppHostView, Delivery } from '../ports/app-host.js';

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

/** Observes: every consumer named, once. Writes: the inspections, each with the time before it. */
export async function inspectConsumers(
  deps: ObservationDeps,
  { step, host: name, consumers: names }: InspectInput,
  signal: AbortSignal,
): Promise<void> {
  const { consumers, host } = await hostContextOf(deps, step, name, names, signal);
  const known = await knownVersions(deps, step.credential);
  const looking = await beginLook(deps, step, names);
  const inspections = await Promise.all(
    consumers.map((consumer) => lookAt(host, consumer, known, looking, within(signal, host.capabilities.timing.request * 2))),
  );
  await deps.ledger.recordInspections(step, looking.attempt, inspections);
}

/**
 * Delivers a version to one consumer and makes it take it. One activity, since repeating both is
 * harmless. Writes: the consumer's source, its running instances. Takes the consumer's lease and
 * keeps it until `confirm`.
 */
export async function distribute(
  deps: EffectDeps,
  { step, consumer: name, generation }: DistributeInput,
): Promise<Recorded<Distributed>> {
  const { consumer, host, once } = await effectAtHost(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const delivery = await deliveryOf(deps, step, consumer, generation);

  const distributed: Distributed = host.manual ? { manual: true } : {};
  return once(
    step,
    { deadline: request * 2, settle, waitForSettle: !host.capabilities.remembersFence },
    async (attempt, effects) => {
      attempt.beforeSending();
      await deliver(deps, effects, delivery, within(attempt.signal, request));
      await effects.apply(consumer, attempt.signal);
      return distributed;
    },
  );
}

/**
 * A host that holds a higher fence than the newest one of ours shows that the ledger was set back:
 * it is raised above, and the step repeated.
 */
async function deliver(deps: EffectDeps, effects: AppHostEffects, delivery: Delivery, signal: AbortSignal): Promise<void> {
  try {
    await effects.deliver(delivery, signal);
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
  deps: ObservationDeps,
  { step, consumer: name, generation }: DistributeInput,
  signal: AbortSignal,
): Promise<void> {
  const { run, consumer, host } = await consumerContextOf(deps, step, name, signal);
  const { evidence } = run.spec.policy;
  const looking = await beginLook(deps, step, [name]);
  const until = performance.now() + maxWait;
  for (;;) {
    const known = await knownVersions(deps, step.credential);
    const look = await lookAt(host, consumer, known, looking, within(signal, host.capabilities.timing.request * 2));
    const { seen } = look;
    if (isConverged(seen, generation, evidence) && (!seen.showsSource || seen.source === generation)) {
      await deps.ledger.recordInspections(step, looking.attempt, [look]);
      await deps.ledger.releaseLease(leaseKey(consumer), step.run);
      return;
    }
    if (performance.now() > until) {
      // For whoever looks meanwhile; and a ledger that was set back is noticed by it.
      await deps.ledger.recordInspections(step, looking.attempt, [look]);
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

export interface UndeployInput extends ConsumerInput {
  /** Programs may be down already, and the ledger has lost that. */
  readonly begun: boolean;
}

/**
 * Writes: one program is told to stop. Whether it did is `awaitStopped`. The first one is told so
 * while all that the policy asks for holds; the others follow, whatever the clock says.
 */
export async function undeployConsumer(
  deps: EffectDeps,
  { step, consumer: name, begun }: UndeployInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host, once } = await effectAtHost(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const leave = begun ? {} : { leave: { gate: 'start', window: true, together: true } as const };
  return once(step, { deadline: request * 2, settle, waitForSettle: false, ...leave }, async (attempt, effects) => {
    attempt.beforeSending();
    await effects.undeploy!(consumer, within(attempt.signal, request));
    return {};
  });
}

/** Observes: the consumers of one host, until no instance runs. */
export async function awaitStopped(
  deps: ObservationDeps,
  { step, host: name, consumers: names }: InspectInput,
  signal: AbortSignal,
): Promise<void> {
  const { consumers, host } = await hostContextOf(deps, step, name, names, signal);
  const looking = await beginLook(deps, step, names);
  const until = performance.now() + maxWait;
  for (;;) {
    const looks = await Promise.all(
      consumers.map((c) => lookAt(host, c, [], looking, within(signal, host.capabilities.timing.request))),
    );
    const running = looks.filter(({ seen }) => !isStopped(seen)).map(({ seen }) => seen.consumer);
    if (running.length === 0) return deps.ledger.recordInspections(step, looking.attempt, looks);
    if (performance.now() > until) throw new RekeyError('KR_STILL_RUNNING', running.join(', '), 1_000);
    await sleep(pollInterval);
  }
}

/**
 * Writes: the secret where one consumer takes it from. The program does not run; starting it is
 * another step.
 */
export async function updateSecret(
  deps: EffectDeps,
  { step, consumer: name, generation }: DistributeInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host, once } = await effectAtHost(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const delivery = await deliveryOf(deps, step, consumer, generation);
  return once(
    step,
    { deadline: request * 2, settle, waitForSettle: !host.capabilities.remembersFence },
    async (attempt, effects) => {
      attempt.beforeSending();
      await deliver(deps, effects, delivery, within(attempt.signal, request));
      return {};
    },
  );
}

/** Writes: one program is told to start. A program that runs or starts already is left alone. */
export async function deployConsumer(
  deps: EffectDeps,
  { step, consumer: name }: ConsumerInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host, once } = await effectAtHost(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  return once(step, { deadline: request * 2, settle, waitForSettle: false }, async (attempt, effects) => {
    if (attempt.earlier.length > 0 && (await isUp(host, consumer, attempt.signal))) return {};
    attempt.beforeSending();
    await effects.deploy!(consumer, within(attempt.signal, request));
    return {};
  });
}

async function isUp(host: AppHostView, consumer: ConsumerSpec, signal: AbortSignal): Promise<boolean> {
  const { state } = await host.inspect(consumer, [], signal);
  return state === 'running' || state === 'starting';
}

/** How a program is after it was told to start; `refused`: it was refused its login. */
export type Deployed = 'running' | 'refused' | 'stopped';

/**
 * Observes: one program, until it runs and is well, and then releases its lease; or until it shows
 * that it will not: what is done about that is an effect, and for the workflow to say.
 */
export async function confirmDeployed(
  deps: ObservationDeps,
  { step, consumer: name }: ConsumerInput,
  signal: AbortSignal,
): Promise<Deployed> {
  const { consumer, host } = await consumerContextOf(deps, step, name, signal);
  const looking = await beginLook(deps, step, [name]);
  const until = performance.now() + maxWait;
  for (;;) {
    const look = await lookAt(host, consumer, [], looking, within(signal, host.capabilities.timing.request));
    const { seen } = look;
    if (seen.state === 'running' && seen.healthy) {
      await deps.ledger.recordInspections(step, looking.attempt, [look]);
      await deps.ledger.releaseLease(leaseKey(consumer), step.run);
      return 'running';
    }
    if (seen.authenticationFailed) return 'refused';
    if (seen.state === 'stopped') return 'stopped';
    if (performance.now() > until)
      throw new RekeyError('KR_NOT_YET_CONFIRMED', `${name} is ${seen.state}${seen.detail ? `: ${seen.detail}` : ''}`, 1_000);
    await sleep(pollInterval);
  }
}
