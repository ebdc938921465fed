/**
 * Owns `attributes show` and `attributes set`: what a key may do, seen at its store through a
 * worker, and changed without a new secret.
 */
import { type Client, WorkflowIdConflictPolicy } from '@temporalio/client';
import { parse } from 'yaml';
import { connectors } from '../../activities/configuration/connectors.js';
import { findingsOf } from '../../activities/configuration/wording.js';
import { attributesWorkflowId, mainQueue } from '../../workflows/contract.js';
import { inWords, type KeyLook } from '../../workflows/domain/attributes.js';
import type { Json, JsonObject, KeyChange } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { connect } from '../connection.js';
import { findInstallation } from '../environment.js';
import { type CredentialShown, withView } from '../ledger/views.js';
import { type Answer, asRekeyError } from '../output.js';
import { begin } from './rotate.js';

export async function showAttributes(name: string): Promise<Answer> {
  const { credential } = await declared(name);
  const look = await lookAtKey(name, credential.store);
  if (!look.key) throw new RekeyError('KR_NOT_FOUND', look.problem ?? `the key of ${name} cannot be seen in ${credential.store}`);
  const { key } = look;
  return {
    json: { ok: true, ...look, declared: credential.spec.attributes },
    text: [
      `${name}: generation ${look.generation}, key ${key.id}, ${key.state}`,
      `name: ${key.name}`,
      ...Object.entries(key.rights).map(([right, value]) => `${right}: ${canonicalJson(value)}`),
      ...compared(look),
    ].join('\n'),
    next: look.differences.length > 0 ? 'apply -f rekey.yaml' : `attributes set ${name} --help`,
  };
}

/** Lines for people: how a key differs from what rekey.yaml declares. */
export function compared({ differences, widens, problem }: KeyLook): readonly string[] {
  if (problem) return [`attributes: ${problem}`];
  if (differences.length === 0) return ['attributes: as they are declared'];
  const opened = widens.length > 0 ? `; that opens: ${widens.join('; ')}` : '';
  return [`attributes: apply would change ${inWords(differences)}${opened}`];
}

/**
 * Asks a worker that can reach the store; an answer that does not come is a problem, not an error.
 */
export async function lookAtKey(name: string, store: string): Promise<KeyLook> {
  const nothing = { credential: name, generation: null, key: null, differences: [], widens: [] };
  let connected: { client: Client; close(): Promise<void> } | null = null;
  try {
    connected = await connect(findInstallation());
    const looks = (await connected.client.workflow.execute('compareKeys', {
      workflowId: attributesWorkflowId(name),
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      workflowExecutionTimeout: '40s',
      workflowTaskTimeout: '2s',
      taskQueue: mainQueue,
      args: [{ store, credentials: [name], changeable: false }],
    })) as readonly KeyLook[];
    return looks[0]!;
  } catch (error) {
    return { ...nothing, problem: `the key cannot be looked at now: ${asRekeyError(error).detail}` };
  } finally {
    await connected?.close();
  }
}

export interface SetOptions {
  readonly name?: string;
  readonly permissions?: string;
  readonly active?: string;
  /** `right=value`, the value as it would stand in rekey.yaml. */
  readonly set: readonly string[];
  readonly resetUnspecified?: boolean;
  readonly undo?: boolean;
  readonly yes?: boolean;
}

export async function setAttributes(name: string, options: SetOptions): Promise<Answer> {
  const { credential, kind } = await declared(name);
  const change = options.undo ? undo(options) : changeOf(options, credential.spec.attributes, kind);
  return begin(name, { without: [], update: { change, accepted: options.yes ?? false } }, true);
}

function undo({ name, permissions, active, set, resetUnspecified }: SetOptions): KeyChange {
  if (set.length > 0 || [name, permissions, active, resetUnspecified].some((said) => said !== undefined))
    throw new RekeyError('KR_USAGE', '--undo stands alone, or with --yes');
  return { kind: 'undo' };
}

function changeOf(options: SetOptions, declaredAttributes: JsonObject, kind: string): KeyChange {
  const { name, permissions, active, set, resetUnspecified = false } = options;
  if (active !== undefined && active !== 'true' && active !== 'false')
    throw new RekeyError('KR_USAGE', '--active is true or false');
  const said: Record<string, Json> = Object.fromEntries(set.map(assignment));
  if (permissions !== undefined) said.permissions = permissions.split(/[\s,]+/).filter(Boolean);
  if (name === undefined && active === undefined && Object.keys(said).length === 0 && !resetUnspecified)
    throw new RekeyError('KR_USAGE', 'nothing is said that could be changed');
  requireValid(said, declaredAttributes, kind);
  return {
    kind: 'set',
    name: name ?? null,
    active: active === undefined ? null : active === 'true',
    attributes: said,
    resetUnspecified,
  };
}

function assignment(text: string): [string, Json] {
  const [, right, value] = /^([A-Za-z]\w*)=(.*)$/s.exec(text) ?? [];
  if (right === undefined)
    throw new RekeyError('KR_USAGE', '--set takes right=value, such as --set "referers=[https://example.com/*]"');
  try {
    return [right, parse(value!) as Json];
  } catch {
    throw new RekeyError('KR_USAGE', `the value of ${right} is not written as in rekey.yaml`);
  }
}

/**
 * The connector's own schema looks at what was said, together with what is declared, since some of
 * it must be there.
 */
function requireValid(said: JsonObject, declaredAttributes: JsonObject, kind: string): void {
  const schema = connectors.stores.find((store) => store.kind === kind)?.attributes;
  // A store that a package brings looks at it itself.
  if (!schema) return;
  const checked = findingsOf(schema, { ...declaredAttributes, ...said });
  if ('value' in checked) return;
  const problems = checked.findings.map(
    ({ path, message, expected }) => `${path.join('.')} ${message}${expected ? `; expected ${expected}` : ''}`,
  );
  throw new RekeyError('KR_USAGE', problems.join('; '));
}

function declared(name: string): Promise<{ credential: CredentialShown; kind: string }> {
  return withView(async (view) => {
    const credential = await view.credential(name);
    return { credential, kind: (await view.configuration())!.document.stores[credential.store]!.kind };
  });
}
