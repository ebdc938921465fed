/**
 * Owns the grammar of tags: the word in a key's name by which rekey finds the keys that it made,
 * including those whose intent the ledger has lost.
 */

/** DocSpace allows no longer name than this. */
export const longestTag = 30;

const grammar = /^rekey-[0-9a-z]{8}-[0-9a-z]{13}$/;

/**
 * What all tags of a run begin with: `rekey-`, 8 of the ledger's id, `-`, 5 that stand for the run.
 */
export function tagFamily(ledgerId: string, runDigest: Uint8Array): string {
  return `rekey-${ledgerId.slice(0, 8)}-${inLetters(runDigest, 5)}`;
}

/** The tag of one attempt: its family, and 8 characters that are random. */
export function tagOf(family: string, random: Uint8Array): string {
  return `${family}${inLetters(random, 8)}`;
}

/** The tag among the words of a name. */
export function tagIn(name: string): string | undefined {
  return wordsOf(name).find((word) => grammar.test(word));
}

/** `prefix`: a whole tag, or the family of a run. */
export function carriesTag(name: string, prefix: string): boolean {
  return wordsOf(name).some((word) => word.startsWith(prefix));
}

const wordsOf = (name: string): readonly string[] => name.split(' ');

function inLetters(bytes: Uint8Array, length: number): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return BigInt(`0x${hex}`).toString(36).padStart(length, '0').slice(-length);
}
