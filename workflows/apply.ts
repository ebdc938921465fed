/**
 * Owns taking over a configuration, the keys that exist already and what they are to be: everything
 * that changes goes one way, through a workflow.
 */
import { ActivityFailure, workflowInfo } from '@temporalio/workflow';
import type { AdoptInput, ApplyInput, CompareInput } from '../activities/index.js';
import { adoptingAtStore, ledger } from './activity-options.js';
import type { ApplyReport } from './contract.js';
import type { KeyLook } from './domain/attributes.js';
import type { Adoption, Configuration } from './domain/configuration.js';
import type { Who } from './domain/who.js';
import { codeOf, messageOf } from './failures.js';
import { launch } from './launch.js';

/**
 * Saves the configuration first, so that workers begin to serve new stores; then adopts. One key
 * that cannot be adopted does not hold up the others.
 */
export async function applyConfiguration(input: Omit<ApplyInput, 'workflowRun'>): Promise<ApplyReport> {
  const { changed } = await ledger.saveConfiguration({ ...input, workflowRun: workflowInfo().runId });
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
  return { changed, adoptions, attributes: await reconcileKey(input.configuration, input.by) };
}

/**
 * Begins a change of every key that is not as it is declared. What opens something waits there for
 * an approval.
 */
async function reconcileKey({ credentials }: Configuration, by: Who): Promise<ApplyReport['attributes']> {
  const declared = Object.values(credentials).filter(({ attributes }) => Object.keys(attributes).length > 0);
  const stores = [...new Set(declared.map(({ store }) => store))];
  const looks = await Promise.all(
    stores.map((store) =>
      compareKeys({ store, credentials: declared.filter((c) => c.store === store).map((c) => c.name), changeable: true }),
    ),
  );
  const others = looks.flat().filter(({ problem, differences }) => problem !== null || differences.length > 0);
  const options = { without: [], update: { change: { kind: 'declared' }, accepted: false } } as const;
  return Promise.all(
    others.map(async (inspect) => ({
      ...inspect,
      started: inspect.problem === null && (await launch({ credential: inspect.credential, sequence: 'update', options }, by)),
    })),
  );
}

/**
 * Each key as its store shows it, held against what is declared; none of a store that nobody serves
 * is held up for long.
 */
export async function compareKeys(input: CompareInput): Promise<readonly KeyLook[]> {
  try {
    return await adoptingAtStore(input.store).compareKeys(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const nothing = { generation: null, key: null, differences: [], widens: [], problem: messageOf(error) };
    return input.credentials.map((credential) => ({ credential, ...nothing }));
  }
}

export function adoptCredential(input: AdoptInput & { store: string }): Promise<Adoption> {
  const { store, ...adoption } = input;
  return adoptingAtStore(store).adoptVersion(adoption);
}
