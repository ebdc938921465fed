/** Owns asking workers how their stores stand, before anything is begun. */
import { ActivityFailure } from '@temporalio/workflow';
import { surveyingAtStore } from './activity-options.js';
import type { Surveyed } from './domain/outlook.js';
import { codeOf, messageOf } from './failures.js';

/** Of a store that nobody serves, or that does not answer, nothing is known. */
export function surveyStores({ stores }: { readonly stores: readonly string[] }): Promise<readonly Surveyed[]> {
  return Promise.all(
    stores.map(async (store): Promise<Surveyed> => {
      try {
        return { store, survey: await surveyingAtStore(store).surveyStore({ store }) };
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        return { store, why: codeOf(error) === null ? 'no worker answered' : messageOf(error) };
      }
    }),
  );
}
