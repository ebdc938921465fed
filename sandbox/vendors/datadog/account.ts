/**
 * Owns a Datadog organisation's API keys: what exists, what it is called, and what the organisation
 * allows.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Durable } from '../../durable.js';
import { TIMING } from '../../timing.js';
import { BadWish, type KeyRow, type Planted } from '../vendor.js';

export interface ApiKey {
  readonly id: string;
  name: string;
  readonly value: string;
  readonly createdAt: number;
  modifiedAt: number;
  category: string;
  remoteConfigReadEnabled: boolean;
  /**
   * Made by an integration of Datadog's: its value is shown to nobody, its name is fixed, and it
   * does not count to the limit.
   */
  readonly managed: boolean;
  /** From when on the front ends can come to know it. */
  liveFrom: number;
  revokedAt: number | null;
  lastUsedAt: number | null;
  /** The last use as the interface shows it, some time later. */
  publishedLastUse: number | null;
}

export interface AccountState {
  readonly orgId: string;
  readonly userId: string;
  readonly applicationKey: string;
  readonly managementId: string;
  /** The key that the consumers use at first. */
  readonly firstId: string;
  limits: Limits;
  keys: ApiKey[];
  planted: string[];
}

export interface Limits {
  maxKeys: number;
  ratePerPeriod: number;
  periodMs: number;
}

/**
 * Datadog's fault answer is a list of texts; 400 for all of these is assumed, since Datadog does
 * not publish it.
 */
export class Refused extends Error {
  constructor(
    message: string,
    readonly statusCode = 400,
  ) {
    super(message);
  }
}

export const WELL_FORMED = /^[0-9a-f]{32}$/;
const DAY = 86_400_000;

export class Account {
  constructor(private readonly store: Durable<AccountState>) {
    // Datadog does not say how late it shows a last use; a job that publishes now and then is
    // assumed.
    setInterval(() => this.#publishLastUse(), TIMING.datadog.lastUsedLag).unref();
  }

  get state(): AccountState {
    return this.store.value;
  }

  reset(planted: Planted): void {
    this.store.value = seed(planted);
    this.store.save();
  }

  byId(id: string): ApiKey | undefined {
    return this.live.find((key) => key.id === id);
  }

  /** Revoked ones too: front ends may not have heard of the revocation yet. */
  byValue(value: string): ApiKey | undefined {
    return this.state.keys.findLast((key) => key.value === value);
  }

  get live(): ApiKey[] {
    return this.state.keys.filter((key) => key.revokedAt === null);
  }

  create(attributes: { name: string; category?: string | undefined; remoteConfigReadEnabled?: boolean | undefined }): ApiKey {
    const counted = this.live.filter((key) => !key.managed).length;
    if (counted >= this.state.limits.maxKeys) throw new Refused(`API key limit of ${this.state.limits.maxKeys} reached`);
    this.#mustBeFree(attributes.name);
    const key = newKey(attributes.name, this.state.planted.shift() ?? newValue());
    key.category = attributes.category ?? key.category;
    key.remoteConfigReadEnabled = attributes.remoteConfigReadEnabled ?? key.remoteConfigReadEnabled;
    this.state.keys.push(key);
    this.store.save();
    return key;
  }

  update(
    key: ApiKey,
    attributes: { name?: string | undefined; category?: string | undefined; remoteConfigReadEnabled?: boolean | undefined },
  ): void {
    if (key.managed) throw new Refused('Managed API keys cannot be edited');
    if (attributes.name !== undefined && attributes.name !== key.name) this.#mustBeFree(attributes.name);
    key.name = attributes.name ?? key.name;
    key.category = attributes.category ?? key.category;
    key.remoteConfigReadEnabled = attributes.remoteConfigReadEnabled ?? key.remoteConfigReadEnabled;
    key.modifiedAt = Date.now();
    this.store.save();
  }

  revoke(key: ApiKey): void {
    // An organisation must have at least one key; that managed ones do not count here either is
    // assumed.
    if (!key.managed && this.live.filter((other) => !other.managed).length === 1)
      throw new Refused('The last API key cannot be deleted');
    key.revokedAt = Date.now();
    this.store.save();
  }

  /**
   * Within seven days a person can bring a key back in the web interface; there is no call for it.
   */
  unrevoke(id: string): void {
    const key = this.state.keys.find((candidate) => candidate.id === id && candidate.revokedAt !== null);
    if (!key) throw new BadWish(`There is no revoked key ${id}.`);
    key.revokedAt = null;
    key.liveFrom = Date.now();
    this.store.save();
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

  rows(): KeyRow[] {
    return this.state.keys.map((key) => ({
      vendor: 'datadog',
      id: key.id,
      name: key.name,
      value: key.value,
      state: key.revokedAt === null ? 'live' : 'deleted',
      createdAt: new Date(key.createdAt).toISOString(),
      lastUsedAt: key.lastUsedAt === null ? null : new Date(key.lastUsedAt).toISOString(),
    }));
  }

  #mustBeFree(name: string): void {
    if (this.live.some((key) => key.name === name)) throw new Refused(`An API key with the name "${name}" already exists`);
  }

  #publishLastUse(): void {
    const behind = this.state.keys.filter((key) => key.publishedLastUse !== key.lastUsedAt);
    for (const key of behind) key.publishedLastUse = key.lastUsedAt;
    if (behind.length > 0) this.store.touch();
  }
}

/**
 * An organisation that has been in use for a while: what belongs to nobody here must survive every
 * rotation.
 */
export function seed(planted: Planted): AccountState {
  const first = newKey('agents', wellFormed(planted.key), 200 * DAY);
  const management = newKey('rekey management', wellFormed(planted.management?.apiKey), 150 * DAY);
  const managed: ApiKey = { ...newKey('Azure integration', newValue(), 90 * DAY), managed: true };
  return {
    orgId: randomUUID(),
    userId: randomUUID(),
    applicationKey: applicationKey(planted.management?.applicationKey),
    managementId: management.id,
    firstId: first.id,
    limits: { maxKeys: 50, ratePerPeriod: 300, periodMs: TIMING.datadog.rateLimitPeriod },
    keys: [first, management, newKey('terraform', newValue(), 300 * DAY), newKey('mobile RUM', newValue(), 20 * DAY), managed],
    planted: [],
  };
}

function newKey(name: string, value: string, age = 0): ApiKey {
  const createdAt = Date.now() - age;
  return {
    id: randomUUID(),
    name,
    value,
    createdAt,
    modifiedAt: createdAt,
    category: 'default',
    remoteConfigReadEnabled: false,
    managed: false,
    liveFrom: createdAt,
    revokedAt: null,
    lastUsedAt: null,
    publishedLastUse: null,
  };
}

function newValue(): string {
  return randomBytes(16).toString('hex');
}

function wellFormed(value = newValue()): string {
  if (!WELL_FORMED.test(value)) throw new BadWish('A Datadog API key is 32 lower-case hexadecimal characters.');
  return value;
}

function applicationKey(value = randomBytes(20).toString('hex')): string {
  if (!/^[0-9a-f]{40}$/.test(value)) throw new BadWish('A Datadog application key is 40 lower-case hexadecimal characters.');
  return value;
}
