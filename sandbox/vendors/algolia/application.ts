/**
 * Owns an Algolia application's API keys: what each may do, what became of it, and for how long a
 * deleted one can be brought back.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Durable } from '../../durable.js';
import { BadWish, type KeyRow, type Planted } from '../vendor.js';
import { hosts, isLive, knownAt, knownEverywhere, type Snapshot } from './spread.js';

/**
 * What a request may set of a key; whatever it leaves out has these values, on create and on update
 * alike.
 */
export interface KeyRights {
  acl: string[];
  description: string;
  indexes: string[];
  maxHitsPerQuery: number;
  maxQueriesPerIPPerHour: number;
  queryParameters: string;
  referers: string[];
}
export const DEFAULTS: Omit<KeyRights, 'acl'> = {
  description: '',
  indexes: [],
  maxHitsPerQuery: 0,
  maxQueriesPerIPPerHour: 0,
  queryParameters: '',
  referers: [],
};

export interface ApiKey {
  readonly value: string;
  readonly createdAt: number;
  /**
   * The one that the application came with: nobody can make, change or end one like it over the
   * API.
   */
  readonly admin: boolean;
  /** Its changes, oldest first, as far as there may be hosts that do not know them yet. */
  history: Snapshot[];
  lastUsedAt: number | null;
}

export interface ApplicationState {
  readonly appId: string;
  /** The keys that the consumers use at first. */
  readonly searchKey: string;
  readonly indexingKey: string;
  limits: Limits;
  keys: ApiKey[];
  planted: string[];
  /** Hosts that answer nobody. */
  away: string[];
}

export interface Limits {
  /** Algolia names no most; 0 stands for none. */
  maxKeys: number;
  /** How many deleted keys can be brought back ("How to restore an API key"). */
  restorable: number;
}

/** Algolia's fault answer is `{message, status}` in api-clients-automation, `ErrorBase`. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly statusCode = 400,
  ) {
    super(message);
  }
}

const WELL_FORMED = /^[0-9a-f]{32}$/;
const DAY = 86_400_000;

export class Application {
  constructor(private readonly store: Durable<ApplicationState>) {}

  get state(): ApplicationState {
    return this.store.value;
  }

  reset(planted: Planted): void {
    this.store.value = seed(planted);
    this.store.save();
  }

  byValue(value: string): ApiKey | undefined {
    return this.state.keys.find((key) => key.value === value);
  }

  /** The keys that a host knows to be live. */
  at(host: number): ApiKey[] {
    return this.state.keys.filter((key) => isLive(knownAt(key, host)));
  }

  create(rights: KeyRights, validity: number): ApiKey {
    const { maxKeys } = this.state.limits;
    if (maxKeys > 0 && this.at(0).length >= maxKeys) throw new Refused('Too many API keys', 400);
    const key = newKey(rights, this.state.planted.shift() ?? newValue(), validity);
    this.state.keys.push(key);
    this.store.save();
    return key;
  }

  replace(value: string, rights: KeyRights, validity: number): void {
    this.#change(this.#existing(value), { live: true, rights, expiresAt: endOf(validity) });
  }

  delete(value: string): void {
    const key = this.#existing(value);
    this.#change(key, { ...key.history.at(-1)!, live: false });
  }

  /** Brings a deleted or expired key back, for ever: its validity is 0 from then on. */
  restore(value: string): void {
    const key = this.byValue(value);
    if (!key || !this.#isRestorable(key)) throw new Refused('Key does not exist', 404);
    // algoliasearch-client-javascript #1175: while any server has not heard of the deletion, the
    // key exists.
    if (hosts.some((_, host) => isLive(knownAt(key, host)))) throw new Refused('Key already exists', 404);
    this.#change(key, { ...key.history.at(-1)!, live: true, expiresAt: null });
  }

  used(key: ApiKey): void {
    key.lastUsedAt = Date.now();
    this.store.touch();
  }

  plantNext(value: string): void {
    this.state.planted.push(wellFormed(value));
    this.store.save();
  }

  limit(limits: Partial<Limits>): Limits {
    Object.assign(this.state.limits, limits);
    this.store.save();
    return this.state.limits;
  }

  setAway(host: string, away: boolean): void {
    this.state.away = [...this.state.away.filter((other) => other !== host), ...(away ? [host] : [])];
    this.store.save();
  }

  /**
   * Named by what stands for a key where its id is its secret: SHA-256 of "rekey:id:v1:" + value.
   */
  rows(): KeyRow[] {
    return this.state.keys.map((key) => ({
      vendor: 'algolia',
      id: createHash('sha256').update(`rekey:id:v1:${key.value}`).digest('hex'),
      name: key.history.at(-1)!.rights.description,
      value: key.value,
      state: isLive(key.history.at(-1)) ? 'live' : 'deleted',
      createdAt: new Date(key.createdAt).toISOString(),
      lastUsedAt: key.lastUsedAt === null ? null : new Date(key.lastUsedAt).toISOString(),
    }));
  }

  /**
   * Changes are made where they arrive, and spread from there; that all hosts take writes in one
   * order is assumed.
   */
  #existing(value: string): ApiKey {
    const key = this.byValue(value);
    if (!key || !isLive(key.history.at(-1))) throw new Refused('Key does not exist', 404);
    // That the admin key cannot be changed over the API is assumed: it is no value of `acl`.
    if (key.admin) throw new Refused('Method not allowed with this API key', 403);
    return key;
  }

  #change(key: ApiKey, next: Omit<Snapshot, 'at'>): void {
    key.history = [...key.history.slice(knownEverywhere(key)), { ...next, at: Date.now() }];
    this.store.save();
  }

  #isRestorable(key: ApiKey): boolean {
    if (isLive(key.history.at(-1))) return true;
    const ended = this.state.keys.filter((other) => !isLive(other.history.at(-1))).sort((a, b) => endedAt(b) - endedAt(a));
    return ended.indexOf(key) < this.state.limits.restorable;
  }
}

const endedAt = ({ history }: ApiKey): number => {
  const last = history.at(-1)!;
  return last.live ? (last.expiresAt ?? 0) : last.at;
};

/**
 * A shop that has been in business for a while: what belongs to nobody here must survive every
 * rotation.
 */
export function seed(planted: Planted): ApplicationState {
  const search = newKey(
    {
      ...DEFAULTS,
      acl: ['search'],
      description: 'storefront',
      indexes: ['products', 'products_*'],
      maxHitsPerQuery: 50,
      queryParameters: 'filters=visible%3Atrue&restrictSources=127.0.0.0%2F8',
      referers: ['https://shop.example.com/*'],
    },
    wellFormed(planted.key),
    0,
    200 * DAY,
  );
  // No `search` among its rights: such a key may not even read itself.
  const indexing = newKey(
    { ...DEFAULTS, acl: ['addObject', 'deleteObject'], description: 'indexer', indexes: ['products*'] },
    newValue(),
    0,
    90 * DAY,
  );
  const admin = {
    ...newKey(
      { ...DEFAULTS, acl: ['admin'], description: 'Admin API Key (rekey manages with it)' },
      wellFormed(planted.management?.adminKey),
      0,
      400 * DAY,
    ),
    admin: true,
  };
  return {
    appId: randomBytes(8).toString('base64url').replace(/[-_]/g, 'Z').slice(0, 10).toUpperCase(),
    searchKey: search.value,
    indexingKey: indexing.value,
    limits: { maxKeys: 0, restorable: 1_000 },
    keys: [
      search,
      indexing,
      admin,
      newKey({ ...DEFAULTS, acl: ['search'], description: 'Search-only API Key' }, newValue(), 0, 400 * DAY),
      newKey(
        { ...DEFAULTS, acl: ['browse', 'listIndexes', 'logs'], description: 'nightly export', maxQueriesPerIPPerHour: 1_000 },
        newValue(),
        0,
        30 * DAY,
      ),
      newKey({ ...DEFAULTS, acl: ['search', 'browse'], description: 'demo for a customer' }, newValue(), (30 * DAY) / 1000),
    ],
    planted: [],
    away: [],
  };
}

function newKey(rights: KeyRights, value: string, validity: number, age = 0): ApiKey {
  const createdAt = Date.now() - age;
  return {
    value,
    createdAt,
    admin: false,
    history: [{ at: createdAt, live: true, rights, expiresAt: endOf(validity) }],
    lastUsedAt: null,
  };
}

/** Seconds from now; 0 is for ever. */
const endOf = (validity: number): number | null => (validity === 0 ? null : Date.now() + validity * 1000);

function newValue(): string {
  return randomBytes(16).toString('hex');
}

function wellFormed(value = newValue()): string {
  if (!WELL_FORMED.test(value)) throw new BadWish('An Algolia API key is 32 lower-case hexadecimal characters.');
  return value;
}
