/** Owns correcting a consumer under an open run, by what a configuration file says of it now. */
import type { VerbReceipt } from '../../workflows/contract.js';
import type { Configuration } from '../../workflows/domain/configuration.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';
import { requireOpenRun } from './open-run.js';
import { sendVerb } from './send-verb.js';

export interface AmendInput {
  readonly run: string;
  readonly consumer: string;
  readonly configuration: Configuration;
  readonly reason: string;
}

/** Throws KR_NOT_FOUND, naming who is declared. */
export async function amendConsumer(who: Who, access: Access, input: AmendInput): Promise<VerbReceipt> {
  const { run, consumer, configuration, reason } = input;
  const { credential } = await requireOpenRun(who, access, { run });
  const consumers = configuration.credentials[credential]?.consumers;
  const declared = consumers?.kind === 'list' ? consumers.list : [];
  const amended = declared.find(({ name }) => name === consumer);
  if (!amended) {
    const names = declared.map(({ name }) => name).join(', ') || 'none';
    throw new RekeyError('KR_NOT_FOUND', `the file declares no consumer ${consumer} of ${credential}; it declares ${names}`);
  }
  return sendVerb(who, access, { run, verb: 'amend', reason, consumer, amended });
}
