/** Owns showing one run with its steps, evidence and audit, and what may be said to it now. */
import { legalVerbsQuery, rotationWorkflowId } from '../../workflows/contract.js';
import type { JsonObject } from '../../workflows/domain/credential.js';
import type { Inspection } from '../../workflows/domain/observations.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import type { Who } from '../../workflows/domain/who.js';
import type { RunShown, StepShown } from '../ledger/views.js';
import { queryWorkflow } from '../messages.js';
import type { Access } from './access.js';

export interface RunDetails {
  readonly run: RunShown;
  readonly steps: readonly StepShown[];
  readonly evidence: readonly { readonly seen: Inspection; readonly at: Date }[];
  readonly audit: readonly { readonly at: Date; readonly kind: string; readonly who: Who; readonly body: JsonObject }[];
  readonly legal: readonly Verb[];
}

/** By its id, or the newest one of a credential. */
export async function showRun(_who: Who, access: Access, { run: id }: { readonly run: string }): Promise<RunDetails> {
  const shown = await access.readLedger(async (view) => {
    const run = await view.run(id);
    return {
      run,
      steps: await view.steps(run.id),
      evidence: await view.evidence(run.id),
      audit: await view.auditTail(run.credential, 8),
    };
  });
  const { outcome, credential } = shown.run;
  return { ...shown, legal: outcome ? [] : await legalVerbs(access, credential) };
}

/**
 * The workflow knows best what may be said to it; when Temporal is away, nothing may be said
 * anyway.
 */
function legalVerbs(access: Access, credential: string): Promise<readonly Verb[]> {
  return access
    .callTemporal((client) => queryWorkflow(client.workflow.getHandle(rotationWorkflowId(credential)), legalVerbsQuery))
    .catch(() => []);
}
