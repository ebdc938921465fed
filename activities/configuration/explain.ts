/** Owns showing a configuration to people, as it was understood. References stay references. */
import { stringify } from 'yaml';
import type { Configuration, ConnectorDeclaration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { ConsumersSpec, Json, JsonObject, Policy, Rollout } from '../../workflows/domain/credential.js';
import { formatDuration } from '../../workflows/domain/duration.js';
import { withoutEffect } from './schema.js';

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
function viewOfCredential({
  store,
  strategy,
  labels,
  current,
  attributes,
  consumers,
  ...spec
}: CredentialDeclaration): JsonObject {
  const idle = withoutEffect[strategy];
  const rollout = without(viewOfRollout(spec.rollout), idle.rollout);
  return {
    store,
    strategy,
    ...(labels.length > 0 ? { labels } : {}),
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
  const { every, window, jitter, grace, soak, evidence, confirm, downtime, approve, approveWithin, keepRevoked } = policy;
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
    keepRevoked: formatDuration(keepRevoked),
  };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapped<Value>(entries: Readonly<Record<string, Value>>, view: (value: Value) => Json): JsonObject {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, view(value)]));
}
