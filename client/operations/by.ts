/** Owns how workflows and the ledger are told who asks. */
import type { Who } from '../../workflows/domain/who.js';

export const byOf = ({ channel, name }: Who): string => `${channel === 'command-line' ? 'cli' : channel}:${name}`;
