/** Owns the words for how a key differs from what rekey.yaml declares. */
import { inWords, type KeyLook } from '../../workflows/domain/attributes.js';

export function compared({ differences, widens, problem }: KeyLook): readonly string[] {
  if (problem) return [`attributes: ${problem}`];
  if (differences.length === 0) return ['attributes: as they are declared'];
  const opened = widens.length > 0 ? `; that opens: ${widens.join('; ')}` : '';
  return [`attributes: apply would change ${inWords(differences)}${opened}`];
}
