/**
 * Owns what a simulated vendor is: a new one is a folder beside this file and a line in the
 * registry.
 */
import type { FastifyInstance } from 'fastify';
import type { Consumers } from '../consumers/consumers.js';
import type { Doors } from '../door.js';
import type { Durable } from '../durable.js';
import type { Traffic } from '../traffic.js';

/** What a vendor may use of the sandbox. */
export interface World {
  /** A folder for the files of the vendor's consumers. */
  readonly home: string;
  readonly doors: Doors;
  readonly traffic: Traffic;
  readonly consumers: Consumers;
  /** A piece of state that outlives the process; at a reset the vendor gives it a new value. */
  state<T>(name: string, initial: () => T): Durable<T>;
  /**
   * The command line by which an operator restarts an app of this sandbox, or asks for its status.
   */
  hostCommand(verb: 'restart' | 'status', app: string): string;
}

/** A key, or a secret of one, that the vendor ever had. */
export interface KeyRow {
  readonly vendor: string;
  /** Which of the vendor's accounts it belongs to, where there are several. */
  readonly account?: string;
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly state: 'live' | 'disabled' | 'deleted';
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
}

/** Values that a test wants to see (or never to see) again, in place of random ones. */
export interface Planted {
  readonly management?: Readonly<Record<string, string>> | undefined;
  /** The value of the key that the consumers use at first. */
  readonly key?: string | undefined;
}

/**
 * The vendor's part of rekey.yaml: indented lines below each heading, and the files that they refer
 * to under secrets/.
 */
export interface ConfigurationPart {
  readonly stores: string;
  readonly hosts: string;
  readonly credentials: string;
  readonly secrets: Readonly<Record<string, string>>;
}

export interface Vendor {
  readonly name: string;
  /** Opens the doors. Called once, before anything else. */
  open(): Promise<void>;
  /**
   * Writes the consumers' files if there are none, and starts those that are to run. Resolves when
   * they are up.
   */
  startConsumers(): Promise<void>;
  /**
   * Makes the account anew; the doors stay. Throws on values that the vendor could not have made.
   */
  reset(planted: Planted): void;
  /** Addresses and management credentials, as the ready line shows them. */
  ready(): Record<string, unknown>;
  keys(): KeyRow[];
  /**
   * Decides the value of the next key that is made. Throws if the vendor could not have made it.
   */
  plantNext(value: string): void;
  /**
   * What only an operator of the vendor can do, served under /vendors/<name> of the control
   * address.
   */
  control(app: FastifyInstance): void;
  configuration(secret: (name: string) => string): ConfigurationPart;
}

/** A wish that cannot be fulfilled; the control address answers it with 400. */
export class BadWish extends Error {
  readonly statusCode = 400;
}
