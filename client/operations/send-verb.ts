/**
 * Owns what an operator says to an open run: each verb is an update of its workflow, with the phase
 * that the operator saw.
 */
import { rotationWorkflowId, type VerbReceipt, verbUpdates } from '../../workflows/contract.js';
import type { ConsumerSpec } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { endsKind, type Verb } from '../../workflows/domain/verbs.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { requireOpenRun } from './open-run.js';
import { updateRun } from './update-run.js';

export interface VerbInput {
  readonly run: string;
  readonly verb: Verb;
  readonly reason: string | null;
  /** For `exempt` and `amend`. */
  readonly consumer: string | null;
  readonly amended?: ConsumerSpec;
  /** The number of the wait that it answers; the open one where nothing is said. */
  readonly wait?: number;
}

export async function sendVerb(who: Who, access: Access, input: VerbInput): Promise<VerbReceipt> {
  const { run, verb, reason, consumer, amended } = input;
  const { id, credential, phase, waits_for } = await requireOpenRun(who, access, { run });
  if (verb === 'exempt' && (!consumer || !reason)) throw new RekeyError('KR_USAGE', 'exempt needs a consumer and --reason');
  const open = waits_for && waits_for.kind !== 'stalled' && endsKind(verb, waits_for.kind) ? waits_for.number : null;
  const wait = input.wait ?? open;
  const request = { by: who, run: id, expectedPhase: phase, wait, reason, consumer, ...(amended && { amended }) };
  return access.callTemporal((client) =>
    updateRun(client.workflow.getHandle(rotationWorkflowId(credential)), verbUpdates[verb], request),
  );
}
