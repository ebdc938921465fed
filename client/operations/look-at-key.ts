/** Owns looking at a credential's key as its store shows it, through a worker that can reach it. */
import { attributesWorkflowId } from '../../workflows/contract.js';
import type { KeyLook } from '../../workflows/domain/attributes.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Who } from '../../workflows/domain/who.js';
import { asRekeyError } from '../errors.js';
import type { CredentialShown } from '../ledger/views.js';
import type { Access } from './access.js';
import { askWorkers } from './ask-workers.js';

/** An answer that does not come is a problem of the look, not an error. */
export async function lookAtKey(
  _who: Who,
  access: Access,
  { credential, store }: { readonly credential: string; readonly store: string },
): Promise<KeyLook> {
  try {
    const looks = await askWorkers<readonly KeyLook[]>(access, {
      of: 'compareKeys',
      body: { store, credentials: [credential], changeable: false },
      about: attributesWorkflowId(credential),
      within: 40_000,
    });
    return looks[0]!;
  } catch (error) {
    const problem = `the key cannot be looked at now: ${asRekeyError(error).detail}`;
    return { credential, generation: null, key: null, differences: [], widens: [], problem };
  }
}

export interface AttributesShown {
  readonly declared: CredentialShown['spec']['attributes'];
  readonly look: KeyLook & { readonly key: NonNullable<KeyLook['key']> };
}

/** Throws KR_NOT_FOUND where the store does not show the key. */
export async function showAttributes(
  who: Who,
  access: Access,
  { credential }: { readonly credential: string },
): Promise<AttributesShown> {
  const { store, spec } = await access.readLedger((view) => view.credential(credential));
  const look = await lookAtKey(who, access, { credential, store });
  const { key } = look;
  if (!key) throw new RekeyError('KR_NOT_FOUND', look.problem ?? `the key of ${credential} cannot be seen in ${store}`);
  return { declared: spec.attributes, look: { ...look, key } };
}
