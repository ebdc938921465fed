/**
 * Owns what an operator says to an open rotation: each verb is an update of its workflow, with the
 * phase that the operator saw.
 */
import { rotationWorkflowId, type VerbReceipt, verbUpdates } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import { connect } from '../connection.js';
import { findInstallation, whoAsks } from '../environment.js';
import { withView } from '../ledger/views.js';
import type { Answer } from '../output.js';

export interface VerbOptions {
  readonly reason: string | null;
  readonly consumer: string | null;
}

export async function sendVerb(verb: Verb, id: string, { reason, consumer }: VerbOptions): Promise<Answer> {
  const rotation = await withView((view) => view.rotation(id));
  if (rotation.outcome) throw new RekeyError('KR_VERB_ILLEGAL', `${rotation.id} has ended: ${rotation.outcome}`);
  if (verb === 'exempt' && (!consumer || !reason)) throw new RekeyError('KR_USAGE', 'exempt needs a consumer and --reason');
  const { client, close } = await connect(findInstallation());
  try {
    const handle = client.workflow.getHandle(rotationWorkflowId(rotation.credential));
    const request = { by: whoAsks(), expectedPhase: rotation.phase, wait: rotation.waits_for?.number ?? null, reason, consumer };
    const receipt: VerbReceipt = await handle.executeUpdate(verbUpdates[verb], { args: [request] });
    return {
      json: { ok: true, verb, rotation: receipt.run, phase: receipt.phase },
      text: `${verb} was taken by ${receipt.run}, which is ${receipt.phase}`,
      next: `show '${receipt.run}'`,
    };
  } finally {
    await close();
  }
}
