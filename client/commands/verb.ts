/** Owns the words of what an operator says to an open rotation. */
import type { Verb } from '../../workflows/domain/verbs.js';
import { withAccess } from '../local-access.js';
import * as operations from '../operations/send-verb.js';
import type { Answer } from '../output.js';

export interface VerbOptions {
  readonly reason: string | null;
  readonly consumer: string | null;
}

export async function sendVerb(verb: Verb, id: string, options: VerbOptions): Promise<Answer> {
  const { run, phase } = await withAccess((who, access) => operations.sendVerb(who, access, { run: id, verb, ...options }));
  return {
    json: { ok: true, verb, rotation: run, phase },
    text: `${verb} was taken by ${run}, which is ${phase}`,
    next: `show '${run}'`,
  };
}
