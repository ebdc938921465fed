/**
 * Owns the effects of a key store: done by its API, or by a person where the store has none, with
 * everything around them the same.
 */
import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import { effectsAtStore, localLedger } from '../activity-options.js';
import type { ManualEffect, ProvideRequest } from '../domain/manual.js';
import type { Recorded } from '../domain/records.js';
import { isOvertaken, messageOf } from '../failures.js';
import type { Run } from '../run/run.js';

/** What the effect is about; the step's name is the same, whoever carries it out. */
export interface StoreEffect {
  readonly effect: ManualEffect;
  readonly key: string;
  readonly generation: number;
  /** For disable and revoke: the version that must carry everything. */
  readonly survivor?: number;
}

/** Whether `manual:` of the store names the effect. */
function isManual(run: Run, effect: ManualEffect): boolean {
  return run.row.standsOn.stores[run.spec.store]!.manual?.includes(effect) ?? false;
}

/**
 * The outcome of an effect at the store; `byApi` is not called where a person carries it out.
 * Throws KR_NOT_DONE when that person declines.
 */
export function atTheStore<Result>(run: Run, what: StoreEffect, byApi: () => Promise<Recorded<Result>>): Promise<Result> {
  return isManual(run, what.effect) ? byPerson<Result>(run, what) : run.recorded(byApi());
}

/**
 * Asks, waits without end, and takes what was done. When it takes long an alarm sounds, and nothing
 * is freed by it.
 */
export async function byPerson<Result>(run: Run, what: StoreEffect): Promise<Result> {
  const { effect, key, generation } = what;
  const store = effectsAtStore(run.spec.store);
  const input = () => ({ step: run.step(effect, key), effect, generation, survivor: what.survivor ?? null });
  const ask = (overdue: boolean) => store.askPerson({ ...input(), overdue });
  const asked = await ask(false);
  if (asked.done) return run.recorded(Promise.resolve(asked.done as Recorded<Result>));

  const result = async (done: unknown) => ({ result: await run.recorded(Promise.resolve(done as Recorded<Result>)) });
  const take = async ({ secretRef, keyId }: ProvideRequest) => {
    const { attempt, tag } = asked;
    try {
      const said = await CancellationScope.nonCancellable(() =>
        store.takeProvided({ ...input(), attempt, tag, secretRef, keyId }),
      );
      return 'refused' in said ? said : result(said);
    } catch (error) {
      if (isOvertaken(error)) throw error;
      // It may be on record all the same; else that person is asked again, and told why.
      const again = await ask(false);
      return again.done ? result(again.done) : { refused: messageOf(error) };
    }
  };
  const answer = await run.operator.awaitAnswer(take, run.spec.policy.approveWithin, () => ask(true));
  if ('result' in answer) return answer.result;
  await localLedger.declineAsked({ step: run.step(effect, key) });
  throw ApplicationFailure.nonRetryable(`${effect} was ${answer.declined}`, 'KR_NOT_DONE');
}
