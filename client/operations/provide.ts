/** Owns telling a run that a person has done what it asked for. */
import { provideUpdate, rotationWorkflowId } from '../../workflows/contract.js';
import type { ProvideReceipt, ProvideRequest } from '../../workflows/domain/manual.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { requireOpenRun } from './open-run.js';
import { updateRun } from './update-run.js';

/** A secret is in the vault already, and only its reference goes on. */
export type ProvideInput = Omit<ProvideRequest, 'by' | 'wait'> & { readonly run: string };

/** Answers when it was looked at, also where it was not taken. */
export async function provide(who: Who, access: Access, { run, ...provided }: ProvideInput): Promise<ProvideReceipt> {
  const { credential, waits_for } = await requireOpenRun(who, access, { run });
  const wait = waits_for?.kind === 'manual' ? waits_for.number : null;
  return access.callTemporal((client) =>
    updateRun(client.workflow.getHandle(rotationWorkflowId(credential)), provideUpdate, { ...provided, wait, by: who }),
  );
}
