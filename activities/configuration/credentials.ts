/**
 * Owns reading `credentials:`: each by itself, with the defaults filled in, and then what must
 * agree between them.
 */
import path from 'node:path';
import type { CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { ConsumerSpec, ConsumersSpec, Policy, Rollout } from '../../workflows/domain/credential.js';
import { lifetimesHold } from '../../workflows/domain/lifetimes.js';
import type { Strategy } from '../../workflows/domain/states.js';
import type { Check } from './check.js';
import { type DeclaredHosts, type DeclaredStores, declared } from './connections.js';
import type { Path } from './document.js';
import { jsonOf } from './json.js';
import { choice } from './nearest.js';
import {
  allConsumersFields,
  consumerFields,
  credentialFields,
  credentialName,
  currentFields,
  defaultInPlace,
  defaultPolicy,
  defaultRollout,
  policyFields,
  rolloutFields,
  withoutEffect,
} from './schema.js';

export interface Surroundings {
  readonly stores: DeclaredStores;
  readonly hosts: DeclaredHosts;
  readonly defaults: Defaults;
}

interface Defaults {
  readonly rollout: Partial<Rollout>;
  readonly policy: Partial<Policy>;
}

/** What could be read; it is whole only if the check has found nothing. */
export function readCredentials(check: Check, value: unknown, around: Surroundings): readonly CredentialDeclaration[] {
  const read = check.named(value, ['credentials'], credentialName).flatMap(([name, entry]) => {
    const credential = readCredential(check, name, entry, around);
    return credential ? [credential] : [];
  });
  refuseSharedKeys(check, read);
  refuseSharedPlaces(check, read);
  return read;
}

function readCredential(check: Check, name: string, value: unknown, around: Surroundings): CredentialDeclaration | undefined {
  const here = ['credentials', name];
  const entry = check.mapping(value, here);
  if (!entry) return undefined;
  const fields = check.fields(entry, here, credentialFields);

  const store =
    fields.store === undefined ? undefined : declared(check, around.stores, fields.store, [...here, 'store'], 'store');
  if (store?.config && fields.strategy && !store.config.strategies.includes(fields.strategy)) {
    check.report(
      [...here, 'strategy'],
      `the keys of ${store.config.kind} are not rotated so`,
      store.config.strategies.join(' or '),
    );
  }
  const attributes =
    store?.config && check.parse<unknown>(store.config.attributes, entry.attributes ?? {}, [...here, 'attributes']);
  const current = readCurrent(check, entry.current, [...here, 'current'], store?.config?.idIsSecret ?? false);
  const consumers = readConsumers(check, entry.consumers, [...here, 'consumers'], fields.store, around.hosts);
  const rollout = check.fields(entry.rollout ?? {}, [...here, 'rollout'], rolloutFields);
  const policy = check.fields(entry.policy ?? {}, [...here, 'policy'], policyFields);
  // Whether it is complete is known only now; the check has told what is missing.
  if (!fields.store || !fields.strategy || !consumers) return undefined;

  const holder = /^consumer:(.*)$/.exec(current?.secret ?? '')?.[1];
  const listed = consumers.kind === 'list' ? consumers.list.map(({ name }) => name) : [];
  if (holder !== undefined && !listed.includes(holder))
    check.report(
      [...here, 'current', 'secret'],
      'no consumer of the list has this name',
      listed.length > 0 ? choice(holder, listed) : null,
    );
  refuseWithoutEffect(check, here, fields.strategy, rollout, policy);
  const defaults = effective(fields.strategy, around.defaults);
  const credential: CredentialDeclaration = {
    name,
    store: fields.store,
    strategy: fields.strategy,
    attributes: attributes === undefined ? {} : jsonOf(attributes),
    consumers,
    rollout: { ...defaultRollout, ...defaults.rollout, ...rollout },
    policy: { ...defaultPolicy, ...(fields.strategy === 'in-place' ? defaultInPlace : {}), ...defaults.policy, ...policy },
    accept: [...new Set(fields.accept)],
    labels: [...new Set(fields.labels)].sort(),
    current,
  };
  const lifetimes = lifetimesHold(credential);
  if (!lifetimes.ok) check.report([...here, 'policy', lifetimes.reason], lifetimes.message, null);
  return credential;
}

/** Named by its id; by its secret where that is the id. */
function readCurrent(check: Check, value: unknown, here: Path, idIsSecret: boolean): CredentialDeclaration['current'] {
  if (value === undefined || !check.mapping(value, here)) return null;
  const { id, secret } = check.fields(value, here, currentFields);
  if (!idIsSecret && id === undefined) check.report([...here, 'id'], 'is missing', 'text');
  if (idIsSecret && secret === undefined) check.report([...here, 'secret'], 'is missing', 'a reference to the key');
  if (idIsSecret && id !== undefined) check.report([...here, 'id'], 'the id of such a key is its secret', 'it left out');
  return { id: id ?? null, secret: secret ?? null };
}

const nobody = '`none` if nobody uses the key';

function readConsumers(
  check: Check,
  value: unknown,
  here: Path,
  store: string | undefined,
  hosts: DeclaredHosts,
): ConsumersSpec | undefined {
  if (value === 'none') return { kind: 'none' };
  if (Array.isArray(value) && value.length > 0) return readList(check, value, here, hosts);
  if (Array.isArray(value)) check.report(here, 'the list is empty', `at least one consumer, or ${nobody}`);
  else if (typeof value === 'object' && value !== null) return readAll(check, value, here, store, hosts);
  else
    check.report(
      here,
      value === undefined ? 'is missing' : 'is not right',
      `a list of consumers, { host: NAME, all: true }, or ${nobody}`,
    );
  return undefined;
}

/**
 * Every consumer that the store knows: the host must be able to find them, through that same store.
 */
function readAll(
  check: Check,
  value: object,
  here: Path,
  store: string | undefined,
  hosts: DeclaredHosts,
): ConsumersSpec | undefined {
  const { host: name } = check.fields(value, here, allConsumersFields);
  if (name === undefined) return undefined;
  const host = declared(check, hosts, name, [...here, 'host'], 'host');
  if (host?.config && !host.config.findsConsumers) {
    check.report([...here, 'all'], `a host of kind ${host.config.kind} cannot find who uses a key`, 'a list of consumers');
  }
  const through = host?.declaration?.settings.store;
  if (typeof through === 'string' && store !== undefined && through !== store) {
    check.report([...here, 'host'], 'the host belongs to another store than the key', 'a host with the same `store`');
  }
  return { kind: 'all', host: name };
}

function readList(check: Check, list: readonly unknown[], here: Path, hosts: DeclaredHosts): ConsumersSpec {
  const seen = new Set<string>();
  const consumers = list.flatMap((item, index): ConsumerSpec[] => {
    const place = [...here, index];
    const mapping = check.mapping(item, place);
    if (!mapping) return [];
    const { name: givenName, host: givenHost, ...rest } = mapping;
    const { name, host: hostName } = check.fields({ name: givenName, host: givenHost }, place, consumerFields);
    if (name !== undefined && seen.has(name))
      check.report([...place, 'name'], 'another consumer of this credential has the same name', 'a name of its own');
    if (name !== undefined) seen.add(name);
    const config = hostName === undefined ? undefined : declared(check, hosts, hostName, [...place, 'host'], 'host')?.config;
    const settings = config && check.parse<unknown>(config.consumer, rest, place);
    return name === undefined || hostName === undefined || settings === undefined
      ? []
      : [{ name, host: hostName, settings: jsonOf(settings) }];
  });
  return { kind: 'list', list: consumers };
}

/**
 * The defaults that mean something to a strategy: the others are no part of the credential, so that
 * changing them does not change it.
 */
function effective(strategy: Strategy, { rollout, policy }: Defaults): Defaults {
  const without = withoutEffect[strategy];
  const keep = <Part extends object>(part: Part, idle: readonly PropertyKey[]) =>
    Object.fromEntries(Object.entries(part).filter(([key]) => !idle.includes(key))) as Part;
  const kept = keep(policy, without.policy);
  const approve = kept.approve?.filter((gate) => !without.gates.includes(gate));
  return { rollout: keep(rollout, without.rollout), policy: approve ? { ...kept, approve } : kept };
}

function refuseWithoutEffect(
  check: Check,
  here: Path,
  strategy: Strategy,
  rollout: Partial<Rollout>,
  policy: Partial<Policy>,
): void {
  const without = withoutEffect[strategy];
  const message = `has no effect when the key is rotated ${strategy === 'overlap' ? 'with an overlap' : 'in place'}`;
  const report = (...path: Path) => check.report([...here, ...path], message, 'it left out');
  for (const key of without.rollout) if (Object.hasOwn(rollout, key)) report('rollout', key);
  for (const key of without.policy) if (Object.hasOwn(policy, key)) report('policy', key);
  for (const [index, gate] of (policy.approve ?? []).entries())
    if (without.gates.includes(gate)) report('policy', 'approve', index);
}

/** Two credentials with one key would rotate it behind each other's back. */
function refuseSharedKeys(check: Check, credentials: readonly CredentialDeclaration[]): void {
  const taken = new Map<string, string>();
  for (const { name, store, current } of credentials) {
    if (!current) continue;
    const key = JSON.stringify([store, current.id ?? current.secret]);
    const other = taken.get(key);
    if (other !== undefined)
      check.report(
        ['credentials', name, 'current', current.id === null ? 'secret' : 'id'],
        `${other} has the same key`,
        'one credential for each key',
      );
    taken.set(key, other ?? name);
  }
}

/** Two credentials that write the same value would undo each other's work for ever. */
function refuseSharedPlaces(check: Check, credentials: readonly CredentialDeclaration[]): void {
  const taken = new Map<string, string>();
  for (const { name, consumers } of credentials) {
    if (consumers.kind !== 'list') continue;
    for (const [index, { host, settings }] of consumers.list.entries()) {
      if (typeof settings.file !== 'string') continue;
      const key = JSON.stringify([host, settings.address ?? null, path.posix.normalize(settings.file), settings.at ?? null]);
      const other = taken.get(key);
      if (other !== undefined && other !== name) {
        check.report(
          ['credentials', name, 'consumers', index, 'file'],
          `${other} writes the same value of the same file`,
          'a place for each credential',
        );
      }
      taken.set(key, other ?? name);
    }
  }
}
