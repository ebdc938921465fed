/** Owns listing the credentials, and what the newest run of each waits for. */
import type { Who } from '../../workflows/domain/who.js';
import type { CredentialShown } from '../ledger/views.js';
import type { Access } from './access.js';

/** All of them where none is named. */
export function listCredentials(
  _who: Who,
  access: Access,
  { credential }: { readonly credential?: string },
): Promise<readonly CredentialShown[]> {
  return access.readLedger(async (view) => {
    if (credential) await view.credential(credential);
    return view.credentials(credential);
  });
}
