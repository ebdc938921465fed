/** Owns taking over a key that exists. */
import { adoptWorkflowId, mainQueue } from '../../workflows/contract.js';
import type { Adoption } from '../../workflows/domain/configuration.js';
import type { Who } from '../../workflows/domain/who.js';
import { executeWorkflow } from '../messages.js';
import type { Access } from './access.js';

export interface AdoptInput {
  readonly credential: string;
  readonly store: string;
  /** Null where the id is the secret: then it is computed from the secret. */
  readonly keyId: string | null;
  /** Its reference; null where the secret stays unknown. */
  readonly secret: string | null;
}

export function adoptKey(who: Who, access: Access, input: AdoptInput): Promise<Adoption> {
  return access.callTemporal((client) =>
    executeWorkflow<Adoption>(
      client,
      'adoptCredential',
      { ...input, by: who },
      { workflowId: adoptWorkflowId(input.credential), taskQueue: mainQueue },
    ),
  );
}
