/** Owns the hash of a plan: what an approval is given to. */
import { createHash } from 'node:crypto';
import type { ConsumerSpec, CredentialSpec, RunOptions } from '../../workflows/domain/credential.js';
import { canonicalJson } from '../../workflows/domain/json.js';

export function hashOfPlan(spec: CredentialSpec, targets: readonly ConsumerSpec[], options: RunOptions): string {
  return createHash('sha256')
    .update(canonicalJson([spec, targets, options] as never))
    .digest('hex')
    .slice(0, 16);
}
