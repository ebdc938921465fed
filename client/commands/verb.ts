/** Owns the words of what an operator says to an open rotation. */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import { withAccess } from '../local-access.js';
import * as operations from '../operations/send-verb.js';
import type { Answer } from '../output.js';

export interface VerbOptions {
  readonly reason: string | null;
  readonly consumer: string | null;
  /** The number of the wait that it answers, as it was typed. */
  readonly wait: string | null;
}

export async function sendVerb(verb: Verb, id: string, { wait, ...options }: VerbOptions): Promise<Answer> {
  if (wait !== null && !/^[1-9]\d{0,8}$/.test(wait)) throw new RekeyError('KR_USAGE', '--wait takes the number of a wait');
  const input = { run: id, verb, ...options, ...(wait !== null && { wait: Number(wait) }) };
  const { run, phase } = await withAccess((who, access) => operations.sendVerb(who, access, input));
  return {
    json: { ok: true, verb, rotation: run, phase },
    text: `${verb} was taken by ${run}, which is ${phase}`,
    next: `show '${run}'`,
  };
}
