/**
 * Owns the words of `attributes show` and `attributes set`, and the change of a key that their
 * arguments amount to.
 */
import { parse } from 'yaml';
import type { Json, KeyChange } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { withAccess } from '../local-access.js';
import { changeKey } from '../operations/change-key.js';
import { showAttributes as lookUp } from '../operations/look-at-key.js';
import type { Answer } from '../output.js';
import { follow } from './follow.js';
import { compared } from './key-look.js';

export async function showAttributes(name: string): Promise<Answer> {
  const { declared, look } = await withAccess((who, access) => lookUp(who, access, { credential: name }));
  const { key } = look;
  return {
    json: { ok: true, ...look, declared },
    text: [
      `${name}: generation ${look.generation}, key ${key.id}, ${key.state}`,
      `name: ${key.name}`,
      ...Object.entries(key.rights).map(([right, value]) => `${right}: ${canonicalJson(value)}`),
      ...compared(look),
    ].join('\n'),
    next: look.differences.length > 0 ? 'apply -f rekey.yaml' : `attributes set ${name} --help`,
  };
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
  const change = options.undo ? undo(options) : changeOf(options);
  const accepted = options.yes ?? false;
  return withAccess((who, access) =>
    follow(who, access, (patience) => changeKey(who, access, { credential: name, change, accepted }, patience)),
  );
}

function undo({ name, permissions, active, set, resetUnspecified }: SetOptions): KeyChange {
  if (set.length > 0 || [name, permissions, active, resetUnspecified].some((said) => said !== undefined))
    throw new RekeyError('KR_USAGE', '--undo stands alone, or with --yes');
  return { kind: 'undo' };
}

function changeOf({ name, permissions, active, set, resetUnspecified = false }: SetOptions): KeyChange {
  if (active !== undefined && active !== 'true' && active !== 'false')
    throw new RekeyError('KR_USAGE', '--active is true or false');
  const said: Record<string, Json> = Object.fromEntries(set.map(assignment));
  if (permissions !== undefined) said.permissions = permissions.split(/[\s,]+/).filter(Boolean);
  if (name === undefined && active === undefined && Object.keys(said).length === 0 && !resetUnspecified)
    throw new RekeyError('KR_USAGE', 'nothing is said that could be changed');
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
