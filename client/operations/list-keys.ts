/** Owns listing every version of every credential, without a secret. */
import type { Who } from '../../workflows/domain/who.js';
import type { KeyShown } from '../ledger/views.js';
import type { Access } from './access.js';

/** Of all credentials where none is named. */
export function listKeys(
  _who: Who,
  access: Access,
  { credential }: { readonly credential?: string },
): Promise<readonly KeyShown[]> {
  return access.readLedger(async (view) => {
    if (credential) await view.credential(credential);
    return view.keys(credential);
  });
}
