/**
 * Owns what a file format is to a hand-out: one place in a text, which can be read, and replaced
 * without touching another byte.
 */

/**
 * A text holds one character for each byte of the file, so that whatever its encoding, what is not
 * replaced stays as it is.
 */
export interface Place {
  readonly value: string;
  /** The whole text with the new value in this place. */
  replace(value: string): string;
}

/** The place cannot be told, or its value is not one that may be replaced. */
export class NoPlace extends Error {
  override readonly name = 'NoPlace';
}

export type FindPlace = (text: string, at: string) => Place;

/**
 * What can be written in every format without a doubt about quoting: visible ASCII. All keys that
 * we know are of this kind.
 */
export function isPlainText(value: string): boolean {
  return /^[\x21-\x7e]+$/.test(value);
}

/** UTF-8 text from rekey.yaml as it stands in a byte-wise text. */
export function bytewise(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function splice(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

export function onlyOne<T>(found: readonly T[], at: string): T {
  if (found.length === 1) return found[0]!;
  throw new NoPlace(found.length === 0 ? `there is no ${at} in it` : `${at} stands in it ${found.length} times`);
}
