/**
 * Decides what a run stands on, and what a new configuration may not change under it.
 */
import type { Configuration, ConnectorDeclaration, StandsOn } from './configuration.js';
import type { CredentialSpec, Json, JsonObject } from './credential.js';
import { type Decision, no, yes } from './decision.js';
import { differing } from './json.js';

/** Null where the configuration lacks a part of it. */
export function standsOnOf({ stores, hosts }: StandsOn, spec: CredentialSpec): StandsOn | null {
  const { consumers } = spec;
  const named = consumers.kind === 'list' ? consumers.list.map((c) => c.host) : consumers.kind === 'all' ? [consumers.host] : [];
  const ownHosts = pick(hosts, named);
  const through = Object.values(ownHosts ?? {}).flatMap(({ settings }) => throughStore(settings) ?? []);
  const ownStores = pick(stores, [spec.store, ...through]);
  return ownHosts && ownStores && { stores: ownStores, hosts: ownHosts };
}

/** The store that a host is driven through. */
export function throughStore({ store }: JsonObject): string | null {
  return typeof store === 'string' ? store : null;
}

function pick<Entry>(from: Readonly<Record<string, Entry>>, names: readonly string[]): Record<string, Entry> | null {
  const found = [...new Set(names)].map((name) => [name, from[name]] as const);
  return found.every((entry): entry is [string, Entry] => entry[1] !== undefined) ? Object.fromEntries(found) : null;
}

/** Whether `next` leaves what a run stands on as it is; else the first part that it does not. */
export function keepsStanding(standsOn: StandsOn, next: Configuration): Decision<'removed' | 'changed'> {
  for (const section of ['stores', 'hosts'] as const)
    for (const [name, declared] of Object.entries(standsOn[section])) {
      const other = next[section][name];
      if (!other) return no('removed', `${section}.${name} would be removed`);
      const changed = differing(lasting(declared), lasting(other));
      if (changed.length > 0) return no('changed', `${section}.${name} would be changed (${changed.join(', ')})`);
    }
  return yes;
}

/**
 * All but where the management credential is found: that may be rotated under a run. Whose it is,
 * each step asks. A list of what a person does is in the order of the effects already.
 */
function lasting({ settings, ...rest }: ConnectorDeclaration): Record<string, Json> {
  const { management, ...others } = settings;
  return {
    ...(rest as Record<string, Json>),
    ...others,
    ...(management === undefined ? {} : { management: unnamed(management) }),
  };
}

function unnamed(references: Json): Json {
  if (typeof references === 'string') return 'a reference';
  if (references === null || typeof references !== 'object' || Array.isArray(references)) return references;
  return Object.fromEntries(Object.entries(references).map(([name, inner]) => [name, unnamed(inner)]));
}
