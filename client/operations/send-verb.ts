/**
 * Owns what an operator says to an open run: each verb is an update of its workflow, with the phase
 * that the operator saw.
 */
import { rotationWorkflowId, type VerbReceipt, verbUpdates } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { byOf } from './by.js';
import { requireOpenRun } from './open-run.js';

export interface VerbInput {
  readonly run: string;
  readonly verb: Verb;
  readonly reason: string | null;
  /** For `exempt`. */
  readonly consumer: string | null;
}

export async function sendVerb(who: Who, access: Access, { run, verb, reason, consumer }: VerbInput): Promise<VerbReceipt> {
  const { credential, phase } = await requireOpenRun(who, access, { run });
  if (verb === 'exempt' && (!consumer || !reason)) throw new RekeyError('KR_USAGE', 'exempt needs a consumer and --reason');
  return access.callTemporal((client) =>
    client.workflow
      .getHandle(rotationWorkflowId(credential))
      .executeUpdate(verbUpdates[verb], { args: [{ by: byOf(who), expectedPhase: phase, reason, consumer }] }),
  );
}
