/** Owns showing the configuration that was applied last, with its defaults. */
import type { Configuration } from '../../workflows/domain/configuration.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from './access.js';

export async function showConfiguration(_who: Who, access: Access): Promise<Configuration> {
  const found = await access.readLedger((view) => view.configuration());
  if (!found) throw new RekeyError('KR_NOT_FOUND', 'no configuration was applied yet');
  return found.document;
}
