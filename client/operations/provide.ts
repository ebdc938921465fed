/** Owns telling a run that a person has done what it asked for. */
import { provideUpdate, rotationWorkflowId } from '../../workflows/contract.js';
import type { ProvideReceipt, ProvideRequest } from '../../workflows/domain/manual.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { requireOpenRun } from './open-run.js';
import { updateRun } from './update-run.js';

/** A secret is in the vault already, and only its reference goes on. */
export type ProvideInput = Omit<ProvideRequest, 'by' | 'wait'>;

/** Answers when it was looked at, also where it was not taken. */
export async function provide(who: Who, access: Access, input: ProvideInput): Promise<ProvideReceipt> {
  const { id, credential, waits_for } = await requireOpenRun(who, access, input);
  const wait = waits_for?.kind === 'manual' ? waits_for.number : null;
  return access.callTemporal((client) =>
    updateRun(client.workflow.getHandle(rotationWorkflowId(credential)), provideUpdate, { ...input, run: id, wait, by: who }),
  );
}
