/**
 * Owns files that hold the key and nothing else, as container platforms mount them; a line end
 * behind it stays as it is.
 */
import { NoPlace, type Place } from './format.js';

export function findInWhole(text: string): Place {
  const [, value = '', ending = ''] = /^([^\r\n]*)(\r?\n|)$/.exec(text) ?? [];
  // Whatever else stands there would be lost, or was never meant to be a key.
  if (value + ending !== text) throw new NoPlace('it has more than one line');
  return { value, replace: (next) => `${next}${ending}` };
}
