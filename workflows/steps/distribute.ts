/** Owns how a version reaches consumers: handed to many side by side, and confirmed by each. */
import { ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import { confirmingAtHost, distributingAtHost, lastAtHost } from '../activity-options.js';
import type { ConsumerSpec } from '../domain/credential.js';
import { formatDuration } from '../domain/duration.js';
import { isOvertaken, ranOut } from '../failures.js';
import type { Run } from '../run/run.js';
import { whileRequired } from './inspect.js';
import { awaitAttestation, withdraw } from './manual-delivery.js';

/**
 * Hands a version to consumers, side by side, and waits until each proves that it uses it. `round`
 * names this look, so that a later one is a new one. The first that fails ends the others' waiting,
 * but never a hand-out in flight.
 */
export async function distribute(run: Run, consumers: readonly ConsumerSpec[], generation: number, round: string): Promise<void> {
  await CancellationScope.cancellable(async () => {
    try {
      await Promise.all(consumers.map((consumer) => distributeTo(run, consumer, generation, round)));
    } catch (error) {
      CancellationScope.current().cancel();
      throw error;
    }
  });
}

/**
 * Asks consumers once more, with all the patience that the policy has, without handing them
 * anything; false when one is not on the version.
 */
export async function confirmAll(
  run: Run,
  consumers: readonly ConsumerSpec[],
  generation: number,
  round: string,
): Promise<boolean> {
  const asked = await Promise.allSettled(
    consumers.map((consumer) =>
      whileRequired(run, [consumer], async ([left]) => {
        if (!left) return;
        const step = run.step('confirm', `confirm/${round}/${left.name}`, left.name);
        await confirmingAtHost(left.host, run.spec.policy.confirm).confirmConsumer({ step, consumer: left.name, generation });
      }),
    ),
  );
  for (const answer of asked) {
    if (answer.status === 'rejected' && (isCancellation(answer.reason) || isOvertaken(answer.reason))) throw answer.reason;
  }
  return asked.every(({ status }) => status === 'fulfilled');
}

/**
 * Temporal says of a step that ran out of time no more than that; one last look tells what is
 * wrong, or that it was right in the end.
 */
async function confirmed(run: Run, { host, name }: ConsumerSpec, generation: number, round: string): Promise<void> {
  const input = () => ({ step: run.step('confirm', `confirm/${round}/${name}`, name), consumer: name, generation });
  try {
    await confirmingAtHost(host, run.spec.policy.confirm).confirmConsumer(input());
  } catch (error) {
    if (!ranOut(error)) throw error;
    await lastAtHost(host).confirmConsumer(input());
  }
}

async function withTimeout<Result>(run: Run, name: string, distribute: () => Promise<Result>): Promise<Result> {
  try {
    return await distribute();
  } catch (error) {
    if (!ranOut(error)) throw error;
    const within = formatDuration(run.spec.policy.confirm);
    const message = `${name} could not be handed generation ${run.generation} within ${within}`;
    throw ApplicationFailure.nonRetryable(message, 'KR_NOT_CONFIRMED');
  }
}

async function distributeTo(run: Run, consumer: ConsumerSpec, generation: number, round: string): Promise<void> {
  const { host, name } = consumer;
  if (run.isExempt(name)) return;
  await CancellationScope.cancellable(async () => {
    const branch = CancellationScope.current();
    let manual = false;
    // A cancel must not end the race: what is in flight has to end before the way back begins.
    const gone = run.operator.whenExempted(name).then(
      () => 'exempt' as const,
      () => new Promise<never>(() => undefined),
    );
    const done = (async () => {
      const distributed = await run.recorded(
        withTimeout(run, name, () =>
          distributingAtHost(host, run.isGoingBack ? null : run.spec.policy.confirm).distribute({
            step: run.step('distribute', `distribute/${round}/${name}`, name),
            consumer: name,
            generation,
          }),
        ),
      );
      if ('manual' in distributed) {
        manual = true;
        await awaitAttestation(run, consumer, generation, round);
      }
      await confirmed(run, consumer, generation, round);
      return 'done' as const;
    })();
    // A consumer that is gone for good is let go of at once; what was sent to it is on record.
    done.catch(() => undefined);
    const how = await Promise.race([done, gone]);
    if (how === 'exempt') {
      branch.cancel();
      await CancellationScope.nonCancellable(async () => {
        if (manual) await withdraw(run, consumer, round);
        await run.releaseLease(consumer);
      });
    }
  });
}
