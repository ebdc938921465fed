/** Owns listing the credentials, and what the newest run of each waits for. */
import type { Who } from '../../workflows/domain/who.js';
import type { CredentialShown } from '../ledger/views.js';
import type { Access } from './access.js';

/** All of them where neither name nor label is said. */
export function listCredentials(
  _who: Who,
  access: Access,
  { credential, label }: { readonly credential?: string; readonly label?: string },
): Promise<readonly CredentialShown[]> {
  return access.readLedger(async (view) => {
    if (credential) await view.credential(credential);
    const found = await view.credentials(credential);
    return label === undefined ? found : found.filter(({ labels }) => labels.includes(label));
  });
}
