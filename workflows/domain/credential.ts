/**
 * Owns what a credential is declared to be: its store, its consumers, its rollout and policy.
 * Durations are milliseconds everywhere in the code.
 */
import type { Strategy } from './states.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * From weakest to strongest: nothing; the host says so; the source holds it and the process started
 * after the write; the process itself shows it.
 */
export const evidenceRanks = ['none', 'rolled-out', 'loaded', 'uses'] as const;
export type Evidence = (typeof evidenceRanks)[number];

/**
 * A program that uses the credential. Host and name together are the program: two credentials that
 * name the same pair share it, and never write it at once.
 */
export interface ConsumerSpec {
  readonly name: string;
  readonly host: string;
  /** What the host needs to know to find it; checked by the host's own schema. */
  readonly settings: JsonObject;
}

/**
 * `all`: every app that the store says uses the key, found when the rotation is opened. `none`:
 * declared to be used by nobody.
 */
export type ConsumersSpec =
  | { readonly kind: 'list'; readonly list: readonly ConsumerSpec[] }
  | { readonly kind: 'all'; readonly host: string }
  | { readonly kind: 'none' };

export interface Rollout {
  /** How many consumers go first, alone. */
  readonly canary: number;
  /** Size of every further wave: a count, or a share of all consumers between 0 and 1. */
  readonly wave: { readonly count: number } | { readonly share: number };
  /** Wait after each wave, in milliseconds. */
  readonly bake: number;
}

export type Gate = 'start' | 'take-away';

export interface Policy {
  /** Time between two rotations; null: only when asked. */
  readonly every: number | null;
  /** "Sun 02:00-06:00 Europe/Berlin", or null: at any time. */
  readonly window: string | null;
  /** A due rotation starts up to this much later, by chance, so that many do not start at once. */
  readonly jitter: number;
  /** Shortest time from the last confirmation to the end of the old version. */
  readonly grace: number;
  /**
   * How long a disabled version is watched before it is revoked; where the store cannot disable,
   * part of the drain.
   */
  readonly soak: number;
  /** Weakest evidence that lets the old version go. */
  readonly evidence: Evidence;
  /** Longest time for a consumer to confirm. */
  readonly confirm: number;
  /** Longest acceptable downtime of an in-place rotation. */
  readonly downtime: number | null;
  readonly approve: readonly Gate[];
  /**
   * How long a gate waits: at `start` it then refuses, at `take-away` it raises an alarm and goes
   * on waiting.
   */
  readonly approveWithin: number;
  /** How long the secret of a revoked version stays in the vault. */
  readonly keepRevoked: number;
}

/** Risks that an operator takes on by writing their name under `accept:` of a credential. */
export type AcceptedRisk = 'no-way-back' | 'source-not-shown' | 'no-last-used';

export interface CredentialSpec {
  readonly name: string;
  readonly store: string;
  readonly strategy: Strategy;
  readonly attributes: JsonObject;
  readonly consumers: ConsumersSpec;
  readonly rollout: Rollout;
  readonly policy: Policy;
  readonly accept: readonly AcceptedRisk[];
}

/**
 * What is said when a rotation is asked for. A second request joins an open rotation only when all
 * of it is the same.
 */
export interface RunOptions {
  /** Consumers that are left behind on purpose, with the reason; they are counted apart. */
  readonly without: readonly Exemption[];
  /** An operator does not want to wait for the window; absent: it is respected. */
  readonly outsideWindow?: true;
  /** The key is changed and keeps its secret: then nothing is rotated. */
  readonly update?: UpdateRequest;
  /** It answers for this incident, whose row says how. */
  readonly incident?: string;
}

interface UpdateRequest {
  readonly change: KeyChange;
  /** Whoever asked has said yes beforehand to whatever it opens. */
  readonly accepted: boolean;
}

/**
 * What a key is to become: as rekey.yaml declares it, as it was before its last change, or as a
 * person says.
 */
export type KeyChange =
  | { readonly kind: 'declared' }
  | { readonly kind: 'undo' }
  | {
      readonly kind: 'set';
      readonly name: string | null;
      readonly active: boolean | null;
      /** In the words of `attributes:`; what is left out stays as it is. */
      readonly attributes: JsonObject;
      /** Then what is left out gets what the vendor gives where nothing is said. */
      readonly resetUnspecified: boolean;
    };

export interface Exemption {
  readonly consumer: string;
  readonly reason: string;
}

/** The program that a lease is for. */
export function leaseKey(consumer: ConsumerSpec): string {
  return `${consumer.host}/${consumer.name}`;
}
