/** Owns planning a rotation: what it would do, without doing it. */
import type { KeyLook } from '../../workflows/domain/attributes.js';
import { planWaves, type Wave } from '../../workflows/domain/waves.js';
import type { Who } from '../../workflows/domain/who.js';
import type { CredentialShown } from '../ledger/views.js';
import type { Access } from './access.js';

export interface RotationPlan {
  readonly credential: CredentialShown;
  readonly waves: readonly Wave[];
  /** Null where the credential has none yet. */
  readonly key: KeyLook | null;
}

export async function planRotation(who: Who, access: Access, input: { readonly credential: string }): Promise<RotationPlan> {
  const credential = await access.readLedger((view) => view.credential(input.credential));
  const { name, store, spec, generation } = credential;
  const waves = planWaves(spec.consumers.kind === 'list' ? spec.consumers.list : [], spec.rollout);
  const { lookAtKey } = await import('./look-at-key.js');
  return { credential, waves, key: generation === null ? null : await lookAtKey(who, access, { credential: name, store }) };
}
