/** Owns asking workers for the digests of the credentials that rekey itself works with. */
import { ActivityFailure } from '@temporalio/workflow';
import { digestingAt } from './activity-options.js';
import type { ManagementDigests, ManagementPlace } from './domain/management.js';

/**
 * Each place is asked where its worker stands, since references are resolved there alone; of one
 * that nobody serves nothing is known.
 */
export function digestManagement({
  places,
}: {
  readonly places: readonly ManagementPlace[];
}): Promise<readonly ManagementDigests[]> {
  return Promise.all(
    places.map(async (place) => {
      try {
        return await digestingAt(place).digestManagement(place);
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        return { ...place, digests: [], unresolved: ['management'] };
      }
    }),
  );
}
