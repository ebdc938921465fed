/**
 * Decides how a key that has leaked dies at once, and what speaks against it. Nobody is asked
 * whether it is still used: that is what was confirmed.
 */
import { type Decision, no, yes } from './decision.js';

export interface StoreSwitches {
  readonly disable: boolean;
  /** `api`: disabling deletes the key. */
  readonly undoDelete: 'none' | 'api' | 'ui';
  readonly listsKeys: boolean;
}

/** How full the store is; null where it has no bound. */
interface Fill {
  readonly keys: number;
  readonly maxKeys: number | null;
}

export const hasRoom = ({ keys, maxKeys }: Fill): boolean => maxKeys === null || keys < maxKeys;

/** What speaks against a new key. */
export const noRoom = (store: string, { keys, maxKeys }: Fill): string =>
  `${store} holds ${keys} of at most ${maxKeys} keys; there is no room for one more`;

/**
 * Switched off where the store has a switch and shows how it stands: what can be undone by a person
 * at the vendor comes first. Else it is deleted, and so it is where it takes the place of the key
 * that replaces it.
 */
export function killBy({ disable, undoDelete, listsKeys }: StoreSwitches, fill: Fill): 'disable' | 'revoke' {
  return disable && listsKeys && undoDelete !== 'api' && hasRoom(fill) ? 'disable' : 'revoke';
}

/**
 * Whether a replacement is made before the leaked key dies. At its minimum a store keeps the key;
 * and with a key that is deleted its rights are gone, which the new one takes over. Where there is
 * no room for one more it comes after.
 */
export function replacesFirst(store: StoreSwitches, fill: Fill): boolean {
  return hasRoom(fill) && killBy(store, fill) === 'revoke';
}

export interface ContainFacts {
  readonly isCompromised: boolean;
  readonly isManagementKey: boolean;
  /** The key is in the account that the ledger knows it from. */
  readonly sameAccount: boolean;
  readonly kill: 'disable' | 'revoke';
  /** Null where they cannot be counted. */
  readonly keysInStore: number | null;
  readonly minimumKeys: number;
}

export type ContainBlock = 'not-leaked' | 'management-key' | 'another-account' | 'last-key';

/** Whether the version may die now, by its exact id; the first reason against it. */
export function mayContain(facts: ContainFacts): Decision<ContainBlock> {
  if (!facts.isCompromised) return no('not-leaked', 'no incident names it');
  if (facts.isManagementKey) return no('management-key', 'rekey manages the store with this very key');
  if (!facts.sameAccount) return no('another-account', 'the store is another account than the one that the key is from');
  if (facts.kill === 'revoke' && facts.keysInStore !== null && facts.keysInStore <= facts.minimumKeys)
    return no('last-key', `the store must keep ${facts.minimumKeys}`);
  return yes;
}

/** A person is asked for nothing whose consequences were not looked at. */
export const byHand = (store: string): string => `a person deletes keys of ${store}: rotate it instead`;
