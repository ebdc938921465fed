/**
 * Owns the shape of a whole configuration after it was checked and its defaults were filled in:
 * what `apply` hands to the workflow and the ledger keeps.
 */
import type { CredentialSpec, JsonObject } from './credential.js';
import type { ManualEffect } from './manual.js';

export interface Configuration {
  readonly stores: Readonly<Record<string, ConnectorDeclaration>>;
  readonly hosts: Readonly<Record<string, ConnectorDeclaration>>;
  readonly credentials: Readonly<Record<string, CredentialDeclaration>>;
  readonly limits: Limits;
}

/** How much rekey begins by itself; what a person or an incident asks for is never held back. */
export interface Limits {
  /** Rotations that are open at once. */
  readonly open: number;
  /** Of one store; null: no bound of its own. */
  readonly openPerStore: number | null;
  readonly startsPerMinute: number;
}

/** What a run stands on: of the configuration, the stores and hosts that it was opened with. */
export type StandsOn = Pick<Configuration, 'stores' | 'hosts'>;

/**
 * A store or host: which connector, and its settings as that connector's schema left them. Secrets
 * are references.
 */
export interface ConnectorDeclaration {
  readonly kind: string;
  readonly settings: JsonObject;
  /**
   * A third party's connector: the absolute path of a file, or the name of a package. Absent for
   * those of our own.
   */
  readonly module?: string;
  /** Of a store: what a person carries out in place of its API. */
  readonly manual?: readonly ManualEffect[];
}

export interface CredentialDeclaration extends CredentialSpec {
  /**
   * The key that exists already and is adopted, never rotated by it; `secret` is a reference, or
   * null where none is needed; `id` is null where it is the secret.
   */
  readonly current: { readonly id: string | null; readonly secret: string | null } | null;
  /** What groups credentials for people, in order; without effect on a rotation. */
  readonly labels: readonly string[];
}

/** What became of taking over a key that exists. */
export interface Adoption {
  readonly credential: string;
  readonly generation: number;
  /** False where the credential had a key already: then nothing was changed. */
  readonly adopted: boolean;
}
