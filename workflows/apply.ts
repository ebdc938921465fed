/** Owns taking over a configuration and the keys that exist already: everything that changes goes one way, through a workflow. */
import { ActivityFailure } from '@temporalio/workflow';
import type { AdoptInput, AdoptResult, ApplyInput } from '../activities/apply.js';
import { adoptingAtStore, bookkeeping } from './activity-options.js';
import type { ApplyReport } from './contract.js';
import { codeOf, messageOf } from './failures.js';

/** Saves the configuration first, so that workers begin to serve new stores; then adopts. One key that cannot be adopted does not hold up the others. */
export async function applyConfiguration(input: ApplyInput): Promise<ApplyReport> {
  const { changed } = await bookkeeping.saveConfiguration(input);
  const declared = Object.values(input.configuration.credentials).filter((c) => c.current !== null);
  const adoptions = await Promise.all(
    declared.map(async ({ name, store, current }) => {
      try {
        const result = await adoptingAtStore(store).adoptVersion({
          credential: name,
          keyId: current!.id,
          secret: current!.secret,
          by: input.by,
        });
        return { ...result, error: null };
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        return {
          credential: name,
          generation: null,
          adopted: false,
          error: { code: codeOf(error) ?? 'KR_SERVICE_AWAY', message: messageOf(error) },
        };
      }
    }),
  );
  return { changed, adoptions };
}

export function adoptCredential(input: AdoptInput & { store: string }): Promise<AdoptResult> {
  const { store, ...adoption } = input;
  return adoptingAtStore(store).adoptVersion(adoption);
}
