/**
 * Owns the ports to our encrypted store of secret values, and to where the sealed values are kept;
 * everything else passes references.
 */
import type { Secret } from './secret.js';

/** A secret that is encrypted and ready to be written in the ledger's own transaction. */
export interface SealedSecret {
  readonly ref: string;
  readonly masterKey: string;
  readonly wrappedKey: Buffer;
  readonly sealed: Buffer;
}

/** One that was sealed just now: whoever writes it can still have it under another master key. */
export interface NewSecret extends SealedSecret {
  /**
   * The same under that master key. Where that one is not on this machine, as it is: what was shown
   * once is not given up for it, and the next rewrap takes it along.
   */
  under(masterKey: string): SealedSecret;
}

export interface Vault {
  /**
   * Encrypts under the current master key; refuses secrets of less than 128 random bits. Writes
   * nothing: the ledger does, with the outcome.
   */
  seal(secret: Secret): Promise<NewSecret>;

  /** Throws KR_VAULT_KEY_MISSING where the master key is not on this machine. */
  open(ref: string): Promise<Secret>;

  /** Seals and keeps a value that no step brings: its reference. */
  keep(secret: Secret): Promise<string>;

  /** Removes a value that belongs to no version. */
  discard(ref: string): Promise<void>;

  /**
   * Writes, reads and removes a random value: whether a secret that a store shows once could be
   * kept, asked before it is made.
   */
  roundTrip(): Promise<void>;
}

/**
 * Where sealed values are kept: in the ledger's database, so that an outcome and its secret are one
 * transaction.
 */
export interface SealedSecrets {
  /** The id of the current master key; `first` becomes it where there was none. */
  masterKey(first: () => string): Promise<string>;
  find(ref: string): Promise<SealedSecret | null>;
  /** Under the master key that is the current one by then. */
  store(value: NewSecret): Promise<void>;
  remove(ref: string): Promise<void>;
  /** Writes, reads and removes it in one go, so that nothing is left of it: what was read. */
  passThrough(value: NewSecret): Promise<SealedSecret>;
  /**
   * Makes `to` the current master key once every data key is wrapped under it; how many had to be.
   */
  rewrap(to: string, rewrapped: (value: SealedSecret) => Buffer): Promise<number>;
}
