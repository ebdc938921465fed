/** Owns `rekey keys`: every version of every credential, without a secret. */
import { withView } from '../ledger/views.js';
import { type Answer, table } from '../output.js';

export function keys(name: string | undefined): Promise<Answer> {
  return withView(async (view) => {
    if (name) await view.credential(name);
    const found = await view.keys(name);
    return {
      json: { keys: found },
      text: table(
        ['credential', 'generation', 'state', 'key id', 'origin', 'fingerprint', 'in vault'],
        found.map((k) => [k.credential, k.generation, k.state, k.key_id, k.origin, k.fingerprint, k.in_vault ? 'yes' : 'no']),
      ),
      next: 'audit verify',
    };
  });
}
