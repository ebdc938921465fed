/** Owns the port to our encrypted store of secret values; everything else passes references. */
import type { Secret } from './secret.js';

/** A secret that is encrypted and ready to be written in the ledger's own transaction. */
export interface SealedSecret {
  readonly ref: string;
  readonly masterKey: string;
  readonly wrappedKey: Buffer;
  readonly sealed: Buffer;
}

export interface Vault {
  /** Encrypts under the current master key; refuses secrets of less than 128 random bits. Writes nothing: the ledger does, with the outcome. */
  seal(secret: Secret): Promise<SealedSecret>;

  /** Throws KR_VAULT_KEY_MISSING where the master key is not on this machine. */
  open(ref: string): Promise<Secret>;

  /** Removes a value that belongs to no version. */
  discard(ref: string): Promise<void>;

  /** Writes, reads and removes a random value: whether a secret that a store shows once could be kept, asked before it is made. */
  roundTrip(): Promise<void>;
}
