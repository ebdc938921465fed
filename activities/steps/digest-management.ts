/**
 * Owns the digests of the credentials that rekey itself works with: by them one that has leaked is
 * recognized, where its secret is no key of the ledger.
 */
import type { Json } from '../../workflows/domain/credential.js';
import type { ManagementDigests, ManagementPlace } from '../../workflows/domain/management.js';
import type { ApplyDeps } from '../deps.js';

/**
 * Observes, outside of any run: what stands under `management:` of a store or host, as this worker
 * resolves it now. What cannot be resolved is named, and does not hold up the rest.
 */
export async function digestManagement(
  { ledger, resolve }: Pick<ApplyDeps, 'ledger' | 'resolve'>,
  place: ManagementPlace,
): Promise<ManagementDigests> {
  const applied = await ledger.configuration();
  const { management = null } = applied?.configuration[place.section][place.name]?.settings ?? {};
  const digests: { setting: string; digest: string }[] = [];
  const unresolved: string[] = [];
  for (const [setting, reference] of referencesIn('management', management)) {
    try {
      digests.push({ setting, digest: (await resolve(reference)).digest });
    } catch {
      unresolved.push(setting);
    }
  }
  return { ...place, digests, unresolved };
}

/** Every text below `management:` is a reference; a configuration with anything else is refused. */
function referencesIn(path: string, value: Json): readonly (readonly [string, string])[] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]) => referencesIn(`${path}.${name}`, below));
}
