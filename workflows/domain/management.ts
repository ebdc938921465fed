/** Owns what is said of the credentials that rekey itself works with. */

/** A store or host that may have some. */
export interface ManagementPlace {
  readonly section: 'stores' | 'hosts';
  readonly name: string;
}

/** Of those of one place, by the name of the setting. */
export interface ManagementDigests extends ManagementPlace {
  /** SHA-256 of "rekey:v1:" and the secret, in hexadecimal. */
  readonly digests: readonly { readonly setting: string; readonly digest: string }[];
  /** Settings whose reference gives nothing where they were asked for. */
  readonly unresolved: readonly string[];
}
