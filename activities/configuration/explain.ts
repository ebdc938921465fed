/**
 * Owns showing a configuration to people: the whole of it as it was understood, and what would
 * change between two. References stay references.
 */
import { stringify } from 'yaml';
import type { Configuration, ConnectorDeclaration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { ConsumersSpec, Json, JsonObject, Policy, Rollout } from '../../workflows/domain/credential.js';
import { formatDuration } from '../../workflows/domain/duration.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { withoutEffect } from './schema.js';

export interface Change {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Such as `credentials.datadog/agents.policy.grace`; consumers stand under their names. */
  readonly path: string;
  /** As they stand in the file; null for what was or is not there. */
  readonly before: Json;
  readonly after: Json;
}

/**
 * What would be different, each change at the innermost place that differs; what appears or
 * disappears is one change as a whole.
 */
export function configurationDiff(before: Configuration | null, after: Configuration): readonly Change[] {
  return differences(viewOf(before ?? { stores: {}, hosts: {}, credentials: {} }), viewOf(after), '');
}

export function formatChange({ kind, path, before, after }: Change): string {
  if (kind === 'changed') return `~ ${path}: ${canonicalJson(before)} → ${canonicalJson(after)}`;
  return `${kind === 'added' ? '+' : '-'} ${path}`;
}

/** The configuration with every default filled in, in the form of rekey.yaml. */
export function formatConfiguration(configuration: Configuration): string {
  return stringify(viewOf(configuration), { lineWidth: 0, aliasDuplicateObjects: false });
}

function viewOf({ stores, hosts, credentials }: Configuration): JsonObject {
  return {
    version: 1,
    stores: mapped(stores, viewOfConnector),
    hosts: mapped(hosts, viewOfConnector),
    credentials: mapped(credentials, viewOfCredential),
  };
}

/** By convention every number under `timing` is a duration. */
function viewOfConnector({ kind, module, settings, manual }: ConnectorDeclaration): JsonObject {
  const { timing } = settings;
  const said = { ...(module === undefined ? { kind } : { module }), ...settings, ...(manual ? { manual } : {}) };
  if (!isObject(timing)) return said;
  return { ...said, timing: mapped(timing, (value) => (typeof value === 'number' ? formatDuration(value) : value)) };
}

/** What has no effect under the strategy is left out, as it is where it is written. */
function viewOfCredential({ store, strategy, current, attributes, consumers, ...spec }: CredentialDeclaration): JsonObject {
  const idle = withoutEffect[strategy];
  const rollout = without(viewOfRollout(spec.rollout), idle.rollout);
  return {
    store,
    strategy,
    ...(current
      ? {
          current: without(
            current,
            (['id', 'secret'] as const).filter((key) => current[key] === null),
          ),
        }
      : {}),
    attributes,
    consumers: viewOfConsumers(consumers),
    ...(Object.keys(rollout).length > 0 ? { rollout } : {}),
    policy: without(viewOfPolicy(spec.policy), idle.policy),
    accept: spec.accept,
  };
}

function without(entries: JsonObject, idle: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(entries).filter(([key]) => !idle.includes(key)));
}

function viewOfConsumers(consumers: ConsumersSpec): Json {
  if (consumers.kind === 'none') return 'none';
  if (consumers.kind === 'all') return { host: consumers.host, all: true };
  return consumers.list.map(({ name, host, settings }) => ({ name, host, ...settings }));
}

function viewOfRollout({ canary, wave, bake }: Rollout): JsonObject {
  return { canary, wave: 'count' in wave ? wave.count : `${Math.round(wave.share * 100)}%`, bake: formatDuration(bake) };
}

function viewOfPolicy(policy: Policy): JsonObject {
  const { every, window, jitter, grace, soak, evidence, confirm, downtime, approve, approveWithin } = policy;
  return {
    every: every === null ? 'never' : formatDuration(every),
    window: window ?? 'always',
    jitter: formatDuration(jitter),
    grace: formatDuration(grace),
    soak: formatDuration(soak),
    evidence,
    confirm: formatDuration(confirm),
    downtime: downtime === null ? 'any' : formatDuration(downtime),
    approve,
    approveWithin: formatDuration(approveWithin),
  };
}

function differences(before: Json, after: Json, path: string): readonly Change[] {
  const [old, now] = [byName(before), byName(after)];
  if (!old || !now) return canonicalJson(before) === canonicalJson(after) ? [] : [{ kind: 'changed', path, before, after }];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  const changes = keys.flatMap((key): readonly Change[] => {
    const here = path === '' ? key : `${path}.${key}`;
    if (!Object.hasOwn(old, key)) return [{ kind: 'added', path: here, before: null, after: now[key]! }];
    if (!Object.hasOwn(now, key)) return [{ kind: 'removed', path: here, before: old[key]!, after: null }];
    return differences(old[key]!, now[key]!, here);
  });
  // In a list the order counts, since the first consumer is the canary.
  const order = [Object.keys(old), Object.keys(now)] as const;
  const isMoved = changes.length === 0 && Array.isArray(before) && canonicalJson(order[0]) !== canonicalJson(order[1]);
  return isMoved ? [{ kind: 'changed', path, before: order[0], after: order[1] }] : changes;
}

/** The entries of an object, or of a list whose items have names. Undefined where neither fits. */
function byName(value: Json): JsonObject | undefined {
  if (isObject(value)) return value;
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const named = value.map((item: Json) =>
    isObject(item) && typeof item.name === 'string' ? ([item.name, item] as const) : undefined,
  );
  return named.every((entry) => entry !== undefined) ? Object.fromEntries(named) : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapped<Value>(entries: Readonly<Record<string, Value>>, view: (value: Value) => Json): JsonObject {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, view(value)]));
}
