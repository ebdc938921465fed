/** Owns `rotate`: a new secret for a credential, now. */
import type { JoinReceipt } from '../../workflows/contract.js';
import type { Exemption } from '../../workflows/domain/credential.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { type Patience, startRun } from './start-run.js';

export interface RotateInput {
  readonly credential: string;
  readonly without: readonly Exemption[];
  /** Now, although its window is closed. */
  readonly outsideWindow: boolean;
}

export function rotate(
  who: Who,
  access: Access,
  { credential, without, outsideWindow }: RotateInput,
  patience?: Patience,
): Promise<JoinReceipt> {
  return startRun(who, access, { credential, options: { without, ...(outsideWindow ? { outsideWindow } : {}) } }, patience);
}
