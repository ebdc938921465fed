/** Owns the words of `rekey keys`: every version of every credential, without a secret. */
import { withAccess } from '../local-access.js';
import { listKeys } from '../operations/list-keys.js';
import { type Answer, table } from '../output.js';

export async function keys(name: string | undefined): Promise<Answer> {
  const found = await withAccess((who, access) => listKeys(who, access, { credential: name }));
  return {
    json: { keys: found },
    text: table(
      ['credential', 'generation', 'state', 'key id', 'origin', 'fingerprint', 'in vault'],
      found.map((k) => [k.credential, k.generation, k.state, k.key_id, k.origin, k.fingerprint, k.in_vault ? 'yes' : 'no']),
    ),
    next: 'audit verify',
  };
}
