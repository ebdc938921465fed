/**
 * Owns what a test of a key store needs: the store, opened as the product opens it, keys of its
 * own, and the truth about both.
 */
import { afterAll, beforeAll } from 'vitest';
import type { ConnectorContext, KeyStoreConnector, ResolveReference } from '../../../activities/ports/connector.js';
import type { KeyImage, KeyStore, MintedKey } from '../../../activities/ports/key-store.js';
import type { JsonObject } from '../../../workflows/domain/credential.js';
import { type KeyRow, never, requestDeadline, throughLedger } from './expect.js';

export { never };

export const optional = [
  'readSecret',
  'lastUsed',
  'consumersOf',
  'copyMemberships',
  'disable',
  'enable',
  'regenerate',
  'update',
  'leastGrace',
] as const;
export type Ability = (typeof optional)[number];

/**
 * The store's entry of rekey.yaml without `kind`: what a user would write, with times that are
 * lowered for the tests and accepted so.
 */
export interface StoreEntry {
  readonly accept: readonly string[];
  readonly timing: object;
  readonly management: Readonly<Record<string, string>>;
}

/** What stands for the vendor while the suite runs: a simulator, or a server of its own. */
export interface StoreWorld {
  readonly entry: StoreEntry;
  /** Of the references in `entry`. */
  readonly resolve: ResolveReference;
  /** What else nobody may see, such as the password with which the store is managed. */
  readonly secrets?: readonly string[];
  /**
   * Every key of the account as the vendor itself knows it, asked past the connector. Ended ones
   * may be among them, as `deleted`.
   */
  keys(): Promise<readonly KeyRow[]>;
  end(): Promise<void>;
}

export interface KeyStoreSubject<World extends StoreWorld = StoreWorld> {
  /** What the vendor is called; the store is opened under this name. */
  readonly vendor: string;
  readonly connector: KeyStoreConnector;
  readonly attributes: JsonObject;
  /** The fields of `management:` that are refused when their value is wrong. */
  readonly management: readonly string[];
  /** The methods of the port that it has beyond those that all have. */
  readonly abilities: readonly Ability[];
  /**
   * Where it has `update`: rights that can be given to a key, and that `attributes` does not have.
   */
  readonly otherRights?: JsonObject;
  /**
   * The part of a secret that nobody may see, where the rest is none, as with the address around a
   * password. Without it: all of it.
   */
  readonly confidential?: (secret: string) => string;
  /** False where the management credential is no key of the store's. */
  readonly managedByKey?: false;
  /** Called once, before the first test. */
  readonly world: () => Promise<World>;
}

export interface World {
  readonly store: KeyStore;
  /** A key made for this test. */
  readonly key: MintedKey;
  /** What is to be made of it, where it is to be changed. */
  readonly image?: KeyImage;
}

export class KeyStoreBench<Stage extends StoreWorld = StoreWorld> {
  world!: Stage;
  #tags = 0;

  constructor(readonly subject: KeyStoreSubject<Stage>) {
    beforeAll(async () => {
      this.world = await subject.world();
    });
    afterAll(() => this.world?.end());
  }

  has(name: string): boolean {
    return this.subject.abilities.some((ability) => ability === name);
  }

  get entry(): StoreEntry {
    return this.world.entry;
  }

  context(resolve: ResolveReference = this.world.resolve): ConnectorContext {
    return { name: this.subject.vendor, userAgent: 'rekey/0.1.0 (elsewhere; 4194303)', resolve };
  }

  open(changes: object = {}, resolve?: ResolveReference): KeyStore {
    const { config, open } = this.subject.connector;
    return open(throughLedger(config.settings.parse({ ...this.entry, ...changes })), this.context(resolve));
  }

  mint(store: KeyStore, likeKeyId: string | null = null): Promise<MintedKey> {
    this.#tags += 1;
    return store.create({ tag: this.lastTag, attributes: this.subject.attributes, likeKeyId }, new AbortController().signal);
  }

  get lastTag(): string {
    return `rekey-confrmnc-${String(this.#tags).padStart(13, '0')}`;
  }

  async present(): Promise<World> {
    const store = this.open();
    return { store, key: await this.mint(store) };
  }

  /** A key of its own, and a store that has logged in already. */
  async ready(): Promise<World> {
    const world = await this.present();
    await world.store.check(never());
    return world;
  }

  /** What a change makes of a key: another name, and other rights where the subject names some. */
  async changedImage({ store, key }: World, state: KeyImage['state'] = 'live'): Promise<KeyImage> {
    const { rights } = (await store.describe(key.id, never()))!;
    return { name: `changed ${key.name.slice(-12)}`, rights: { ...rights, ...this.subject.otherRights }, state };
  }

  /** The same with a store whose deadline is short, for faults that keep it waiting. */
  async impatient(): Promise<World> {
    const { key } = await this.present();
    const store = this.open({ timing: { ...this.entry.timing, request: `${requestDeadline}ms` } });
    await store.check(never());
    return { store, key };
  }

  /** What of a key's secret nobody may see. */
  confidential({ secret }: MintedKey): string {
    return this.subject.confidential?.(secret.reveal()) ?? secret.reveal();
  }

  /** Every key that the vendor knows, or ever had, as the vendor knows it. */
  truth(): Promise<readonly KeyRow[]> {
    return this.world.keys();
  }

  async live(): Promise<readonly KeyRow[]> {
    return (await this.truth()).filter((row) => row.state !== 'deleted');
  }

  async secrets(): Promise<string[]> {
    return [...(await this.truth()).flatMap((row) => row.value ?? []), ...(this.world.secrets ?? [])];
  }

  async states(): Promise<(readonly [string, string])[]> {
    return (await this.truth()).map(({ id, state }) => [id, state] as const);
  }
}
