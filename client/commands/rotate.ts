/** Owns the words of `rekey rotate`. */
import type { Exemption } from '../../workflows/domain/credential.js';
import { withAccess } from '../local-access.js';
import * as operations from '../operations/rotate.js';
import type { Answer } from '../output.js';
import { follow } from './follow.js';

export interface RotateOptions {
  readonly wait: boolean;
  readonly without: readonly Exemption[];
  readonly outsideWindow: boolean;
}

export function rotate(name: string, { wait, ...options }: RotateOptions): Promise<Answer> {
  const input = { credential: name, ...options };
  return withAccess(async (who, access) => {
    if (wait) return follow(who, access, (patience) => operations.rotate(who, access, input, patience));
    const { run, phase } = await operations.rotate(who, access, input);
    return {
      json: { ok: true, rotation: run, credential: name, phase },
      text: `${run} is ${phase}`,
      next: `show '${run}'`,
    };
  });
}
