/** Owns what a test of a key store needs: the store, opened as the product opens it, keys of its own, and the truth about both. */
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { KeyStoreConnector } from '../../../activities/ports/connector.js';
import type { KeyImage, KeyStore, MintedKey } from '../../../activities/ports/key-store.js';
import type { Secret } from '../../../activities/ports/secret.js';
import type { JsonObject } from '../../../workflows/domain/credential.js';
import { type RunningSandbox, startSandbox } from '../../sandbox/support.js';
import { context, declared, type KeyRow, keysOf, requestDeadline, throughLedger } from './sandbox.js';

export const optional = [
  'readSecret',
  'lastUsed',
  'consumersOf',
  'disable',
  'enable',
  'regenerate',
  'update',
  'leastGrace',
] as const;
export type Ability = (typeof optional)[number];

export interface KeyStoreSubject {
  /** The vendor's name in the sandbox, and of the store in its rekey.yaml. */
  readonly vendor: string;
  readonly connector: KeyStoreConnector;
  readonly attributes: JsonObject;
  /** The fields of `management:` that are refused when their value is wrong. */
  readonly management: readonly string[];
  /** A fault body in the vendor's own form. */
  readonly faultBody: (text: string) => unknown;
  /** The methods of the port that it has beyond those that all have. */
  readonly abilities: readonly Ability[];
  /** Where it has `update`: rights that can be given to a key, and that `attributes` does not have. */
  readonly otherRights?: JsonObject;
  /** Where the vendor has several accounts: the one that the store is opened on. */
  readonly account?: string;
  /** False where the management credential is no key of the store's. */
  readonly managedByKey?: false;
  /** What only this vendor needs before the suite, such as a higher rate limit. */
  readonly prepare?: (sandbox: RunningSandbox) => Promise<void>;
}

export interface World {
  readonly store: KeyStore;
  /** A key made for this test. */
  readonly key: MintedKey;
  /** What is to be made of it, where it is to be changed. */
  readonly image?: KeyImage;
}

export const never = (): AbortSignal => new AbortController().signal;

export class KeyStoreBench {
  sandbox!: RunningSandbox;
  #tags = 0;

  constructor(readonly subject: KeyStoreSubject) {
    beforeAll(async () => {
      this.sandbox = await startSandbox([subject.vendor]);
      await this.sandbox.tell('POST', '/traffic/stop');
      await subject.prepare?.(this.sandbox);
    });
    afterAll(() => this.sandbox.remove());
    afterEach(() => this.sandbox.tell('DELETE', '/faults'));
  }

  has(name: string): boolean {
    return this.subject.abilities.some((ability) => ability === name);
  }

  /** The store's entry in the sandbox's rekey.yaml, as far as these tests change it. */
  get entry(): {
    readonly accept: readonly string[];
    readonly timing: object;
    readonly management: Readonly<Record<string, string>>;
  } {
    return declared(this.sandbox, 'stores', this.subject.vendor) as never;
  }

  open(changes: object = {}, resolve?: (reference: string) => Promise<Secret>): KeyStore {
    const { config, open } = this.subject.connector;
    return open(throughLedger(config.settings.parse({ ...this.entry, ...changes })), context(this.subject.vendor, resolve));
  }

  mint(store: KeyStore, likeKeyId: string | null = null): Promise<MintedKey> {
    this.#tags += 1;
    return store.create({ tag: this.lastTag, attributes: this.subject.attributes, likeKeyId }, never());
  }

  get lastTag(): string {
    return `rekey-confrmnc-${String(this.#tags).padStart(13, '0')}`;
  }

  async present(): Promise<World> {
    const store = this.open();
    return { store, key: await this.mint(store) };
  }

  /** What a change makes of a key: another name, and other rights where the subject names some. */
  async changedImage({ store, key }: World, state: KeyImage['state'] = 'live'): Promise<KeyImage> {
    const { rights } = (await store.describe(key.id, never()))!;
    return { name: `changed ${key.name.slice(-12)}`, rights: { ...rights, ...this.subject.otherRights }, state };
  }

  /** A store whose deadline is short, that has logged in already, and a key of its own. */
  async impatient(): Promise<World> {
    const { key } = await this.present();
    const store = this.open({ timing: { ...this.entry.timing, request: `${requestDeadline}ms` } });
    await store.check(never());
    return { store, key };
  }

  /** Every key that the account ever had, as the vendor knows it. */
  async truth(): Promise<KeyRow[]> {
    return (await keysOf(this.sandbox, this.subject.vendor)).filter(({ account }) => account === this.subject.account);
  }

  async live(): Promise<KeyRow[]> {
    return (await this.truth()).filter((row) => row.state !== 'deleted');
  }

  async secrets(): Promise<string[]> {
    return (await keysOf(this.sandbox, this.subject.vendor)).map((row) => row.value);
  }

  async states(): Promise<(readonly [string, string])[]> {
    return (await this.truth()).map(({ id, state }) => [id, state] as const);
  }
}
