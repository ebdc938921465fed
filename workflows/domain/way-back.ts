/**
 * Decides whether the old version of an overlap rotation can be brought back, and what a look at it
 * says about that.
 */

/** How the old version is found when it is to be used again. */
export type KeySeen =
  | 'accepted'
  /** It is switched off, and could be switched on. */
  | 'disabled'
  /** It is there, and refused: replaced, locked or expired. */
  | 'refused'
  /** It was deleted, and the vendor can give it back to a person. */
  | 'deleted'
  /** It is not there any more, and nobody can bring it back. */
  | 'gone';

export interface KeyFacts {
  /** Whether every endpoint accepts its secret; null where the secret is not in the vault. */
  readonly accepted: boolean | null;
  /** As the store describes it; null: there is no such key. Undefined: the store cannot tell. */
  readonly state: 'live' | 'disabled' | 'locked' | 'expired' | null | undefined;
  readonly undoDelete: 'none' | 'api' | 'ui';
}

/** A secret that is accepted is the better proof; without one the store's own word has to do. */
export function seenAs({ accepted, state, undoDelete }: KeyFacts): KeySeen {
  if (accepted === true) return 'accepted';
  if (state === null) return undoDelete === 'none' ? 'gone' : undoDelete === 'api' ? 'disabled' : 'deleted';
  if (state === 'disabled') return 'disabled';
  // Where neither secret nor store can tell, the risk was accepted by name.
  return accepted === null && (state === 'live' || state === undefined) ? 'accepted' : 'refused';
}

/**
 * Whether a version that was disabled could be enabled again. Where the secret is the key's only
 * name, it takes the secret.
 */
export function canBringBack({ idIsSecret }: { readonly idIsSecret: boolean }, holdsSecret: boolean): boolean {
  return holdsSecret || !idIsSecret;
}

/** What a person is told of an old version that is not accepted, in words. */
export function inWords(seen: Exclude<KeySeen, 'accepted'>, generation: number): string {
  const texts: Readonly<Record<typeof seen, string>> = {
    disabled: 'is disabled, and does not stay enabled',
    refused: 'is not accepted any more',
    deleted: 'was deleted: restore it at the vendor',
    gone: 'is gone from the store for good',
  };
  return `generation ${generation} ${texts[seen]}`;
}
