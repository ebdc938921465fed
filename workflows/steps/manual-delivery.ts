/**
 * Owns the hand-outs that a person carries out: asking, waiting without end, and taking that
 * person's word.
 */
import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import { atHost, effectsAtHost, localLedger } from '../activity-options.js';
import type { ConsumerSpec } from '../domain/credential.js';
import type { ProvideRequest } from '../domain/manual.js';
import { isOvertaken, messageOf } from '../failures.js';
import type { Run } from '../run/run.js';

/**
 * Until a person has said that the consumer is on the version. When it takes long an alarm sounds,
 * and nothing is concluded from it. Throws KR_NOT_DONE when that person declines.
 */
export function awaitAttestation(
  run: Run,
  consumer: ConsumerSpec,
  generation: number,
  round: string,
  staged = true,
): Promise<void> {
  const { host, name } = consumer;
  const input = () => ({ step: stepOf(run, consumer, round), consumer: name, generation });
  return run.operator.oneByOne(async () => {
    let overdue = false;
    const ask = () => atHost(host).askForAttestation({ ...input(), staged, overdue });
    if ((await ask()).said) return;

    const take = async ({ secretRef, fingerprint }: ProvideRequest) => {
      const word = { ...input(), secretRef, fingerprint: fingerprint ?? null };
      try {
        const said = await CancellationScope.nonCancellable(() => effectsAtHost(host).recordAttestation(word));
        if (!('refused' in said)) return { result: await run.recorded(Promise.resolve(said)) };
        await ask();
        return said;
      } catch (error) {
        if (isOvertaken(error)) throw error;
        // The word may have been taken all the same; else that person is asked again, and told why.
        return (await ask()).said ? { result: {} } : { refused: messageOf(error) };
      }
    };
    const answer = await run.operator.awaitAnswer(take, run.spec.policy.approveWithin, () => {
      overdue = true;
      return ask();
    });
    if (!('declined' in answer)) return;
    await localLedger.declineAsked({ step: stepOf(run, consumer, round) });
    throw ApplicationFailure.nonRetryable(`the hand-out to ${name} was ${answer.declined}`, 'KR_NOT_DONE');
  });
}

/** Before the first change: which version the consumer is on that everyone should be on. */
export async function awaitFirstAttestation(run: Run, consumer: ConsumerSpec): Promise<void> {
  await awaitAttestation(run, consumer, run.row.previousGeneration!, 'first', false);
  await run.releaseLease(consumer);
}

/** Nobody is asked any more, and the key that lies ready goes. */
export async function withdraw(run: Run, consumer: ConsumerSpec, round: string): Promise<void> {
  const { host, name } = consumer;
  const step = run.step('withdraw', `withdraw/${round}/${name}`, name);
  const asked = stepOf(run, consumer, round).key;
  await run.recorded(effectsAtHost(host).withdrawStaged({ step, consumer: name, asked }));
}

function stepOf(run: Run, { name }: ConsumerSpec, round: string) {
  return run.step('manual', `manual/${round}/${name}`, name);
}
