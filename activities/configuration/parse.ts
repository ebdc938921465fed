/**
 * Owns reading rekey.yaml: text in; a whole configuration with its defaults filled in comes out, or
 * every problem at once.
 */
import { createHash } from 'node:crypto';
import type { Configuration, ConnectorDeclaration } from '../../workflows/domain/configuration.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { defaultLimits } from '../../workflows/domain/planner.js';
import { Check, type Problem } from './check.js';
import { type Declared, readHosts, readStores } from './connections.js';
import { readCredentials } from './credentials.js';
import { SourceDocument } from './document.js';
import { jsonOf } from './json.js';
import { Modules } from './modules.js';
import { type ConnectorConfigs, defaultsFields, fileFields, limitsFields, policyFields, rolloutFields } from './schema.js';

export { formatProblem, type Problem } from './check.js';

export type Parsed =
  | { readonly ok: true; readonly configuration: Configuration; readonly hash: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * `file` is only named in problems. Modules are loaded before, since to load one takes its time:
 * see `loadModules`.
 */
export function parseConfiguration(
  text: string,
  file: string,
  connectors: ConnectorConfigs,
  modules: Modules = new Modules(),
): Parsed {
  const document = new SourceDocument(text);
  const check = new Check(document, file);
  // Of a text that is no YAML there is nothing to say but where it is broken.
  if (document.faults.length > 0 && document.value === null) return { ok: false, problems: check.problems };

  const sections = check.fields(document.value ?? {}, [], fileFields);
  const stores = readStores(check, sections.stores, connectors.stores, modules);
  const hosts = readHosts(check, sections.hosts, connectors.hosts, stores, modules);
  const given = check.fields(sections.defaults ?? {}, ['defaults'], defaultsFields);
  const defaults = {
    rollout: check.fields(given.rollout ?? {}, ['defaults', 'rollout'], rolloutFields),
    policy: check.fields(given.policy ?? {}, ['defaults', 'policy'], policyFields),
  };
  const limits = check.fields(sections.limits ?? {}, ['limits'], limitsFields);
  const credentials = readCredentials(check, sections.credentials, { stores, hosts, defaults });
  if (check.problems.length > 0) return { ok: false, problems: check.problems };

  const configuration: Configuration = {
    stores: declarations(stores),
    hosts: declarations(hosts),
    limits: { ...defaultLimits, ...limits },
    credentials: Object.fromEntries(credentials.map((credential) => [credential.name, credential])),
  };
  return { ok: true, configuration, hash: configurationHash(configuration) };
}

/** The same for two files that mean the same, however they are written. */
function configurationHash(configuration: Configuration): string {
  return createHash('sha256')
    .update(canonicalJson(jsonOf(configuration)))
    .digest('hex');
}

function declarations(declared: ReadonlyMap<string, Declared<unknown>>): Record<string, ConnectorDeclaration> {
  return Object.fromEntries([...declared].flatMap(([name, { declaration }]) => (declaration ? [[name, declaration]] : [])));
}
