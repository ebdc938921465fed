/**
 * Owns a DocSpace portal's users and API keys: what exists, what a key is worth now, and what
 * becomes of it when two write its row at once.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Durable } from '../../durable.js';
import { TIMING } from '../../timing.js';
import { BadWish, type KeyRow, type Planted } from '../vendor.js';

export interface User {
  readonly id: string;
  readonly displayName: string;
  readonly isAdmin: boolean;
}

export interface ApiKey {
  readonly id: string;
  name: string;
  readonly value: string;
  /** The user who made it, and as whom it acts. */
  readonly createBy: string;
  readonly createdAt: number;
  /** Empty or null: no restriction. */
  permissions: string[] | null;
  lastUsedAt: number | null;
  expiresAt: number | null;
  isActive: boolean;
  deletedAt: number | null;
}

/**
 * `v3.7.2` is what was released in June 2026, `newer` a later version of the controller
 * (ONLYOFFICE/DocSpace-server).
 */
export type Server = 'v3.7.2' | 'newer';

export interface Limits {
  /** Requests to make a key, for each user, in a sliding window. */
  creations: number;
  creationWindowMs: number;
  callsPerMinute: number;
}

export interface AccountState {
  readonly users: readonly User[];
  readonly managementId: string;
  /** The key that the consumers use at first. */
  readonly firstId: string;
  server: Server;
  limits: Limits;
  /**
   * So many of the next changes are overwritten by an authentication that had read the row before
   * them.
   */
  races: number;
  keys: ApiKey[];
  planted: string[];
}

export interface Changes {
  readonly name?: string | null | undefined;
  readonly permissions?: readonly string[] | null | undefined;
  readonly isActive?: boolean | null | undefined;
}

const WELL_FORMED = /^sk-[0-9a-f]{64}$/;
const DAY = 86_400_000;

export class Account {
  constructor(private readonly store: Durable<AccountState>) {
    // The server's own job, every ten minutes (AutoDeactivateExpiredApiKeysService).
    setInterval(() => this.#deactivateExpired(), TIMING.docspace.deactivateExpired).unref();
  }

  get state(): AccountState {
    return this.store.value;
  }

  reset(planted: Planted): void {
    this.store.value = seed(planted);
    this.store.save();
  }

  get existing(): ApiKey[] {
    return this.state.keys.filter((key) => key.deletedAt === null);
  }

  byId(id: string): ApiKey | undefined {
    return this.existing.find((key) => key.id === id.toLowerCase());
  }

  userOf(key: ApiKey): User {
    return this.state.users.find(({ id }) => id === key.createBy)!;
  }

  /**
   * The key if it is accepted now. Every success moves the last use, which is kept to the second
   * (ApiKeyManager, ValidateApiKeyAsync).
   */
  authenticate(value: string): ApiKey | undefined {
    const key = this.existing.find((candidate) => candidate.value === value && candidate.isActive && !isExpired(candidate));
    if (key) {
      key.lastUsedAt = toSecond(Date.now());
      this.store.touch();
    }
    return key;
  }

  /**
   * An asterisk among the permissions is kept as no restriction, and so is an empty list
   * (ApiKeyManager, CreateApiKeyAsync).
   */
  create(user: User, wanted: { name: string; permissions?: readonly string[] | null; expiresInDays?: number | null }): ApiKey {
    const permissions = wanted.permissions ?? [];
    const key = {
      ...newKey(wanted.name, user, this.state.planted.shift() ?? newValue()),
      permissions: permissions.includes('*') ? [] : [...permissions],
      expiresAt: wanted.expiresInDays ? Date.now() + wanted.expiresInDays * DAY : null,
    };
    this.state.keys.push(key);
    this.store.save();
    return key;
  }

  /** What is absent or empty stays as it is (ApiKeyManager, UpdateApiKeyAsync). */
  update(key: ApiKey, { name, permissions, isActive }: Changes): void {
    const before = { ...key };
    if (isActive !== undefined && isActive !== null) key.isActive = isActive;
    if (permissions && permissions.length > 0) key.permissions = permissions.join() === '*' ? null : [...permissions];
    if (name) key.name = name;
    if (this.state.races > 0) {
      this.state.races -= 1;
      setTimeout(() => this.#writeBack(key, before), TIMING.docspace.writeBack).unref();
    }
    this.store.save();
  }

  remove(key: ApiKey): void {
    key.deletedAt = Date.now();
    this.store.save();
  }

  /** As if its time had come. */
  expire(id: string): void {
    const key = this.byId(id);
    if (!key) throw new BadWish(`There is no key ${id}.`);
    key.expiresAt = Date.now() - 1;
    this.store.save();
  }

  change(wish: { limits?: Partial<Limits>; server?: Server; races?: number }): void {
    Object.assign(this.state.limits, wish.limits);
    this.state.server = wish.server ?? this.state.server;
    this.state.races = wish.races ?? this.state.races;
    this.store.save();
  }

  plantNext(value: string): void {
    this.state.planted.push(wellFormed(value));
    this.store.save();
  }

  rows(): KeyRow[] {
    return this.state.keys.map((key) => ({
      vendor: 'docspace',
      id: key.id,
      name: key.name,
      value: key.value,
      state: key.deletedAt !== null ? 'deleted' : key.isActive && !isExpired(key) ? 'live' : 'disabled',
      createdAt: new Date(key.createdAt).toISOString(),
      lastUsedAt: key.lastUsedAt === null ? null : new Date(key.lastUsedAt).toISOString(),
    }));
  }

  /**
   * An authentication writes back the whole row that it has read, not only the last use: whoever
   * changed it in between has changed nothing.
   */
  #writeBack(key: ApiKey, { name, permissions, isActive }: ApiKey): void {
    if (key.deletedAt !== null) return;
    Object.assign(key, { name, permissions, isActive, lastUsedAt: toSecond(Date.now()) });
    this.store.save();
  }

  #deactivateExpired(): void {
    const late = this.existing.filter((key) => key.isActive && isExpired(key));
    for (const key of late) key.isActive = false;
    if (late.length > 0) this.store.save();
  }
}

export function isExpired(key: ApiKey): boolean {
  return key.expiresAt !== null && key.expiresAt < Date.now();
}

/**
 * A portal that has been in use for a while: what belongs to nobody here must survive every
 * rotation.
 */
export function seed(planted: Planted): AccountState {
  const service: User = { id: randomUUID(), displayName: 'Document service', isAdmin: true };
  const grace: User = { id: randomUUID(), displayName: 'Grace Example', isAdmin: false };
  const first = {
    ...newKey('exports', service, wellFormed(planted.key), 120 * DAY),
    permissions: ['files:read', 'files:write', 'rooms:read'],
  };
  const management = newKey('rekey management', service, wellFormed(planted.management?.token), 90 * DAY);
  const expired = {
    ...newKey('conference app', grace, newValue(), 400 * DAY),
    permissions: ['rooms:read'],
    expiresAt: Date.now() - 35 * DAY,
    isActive: false,
  };
  const others = [
    { ...newKey('Zapier', grace, newValue(), 60 * DAY), permissions: ['files:read'] },
    newKey('backup at home', grace, newValue(), 10 * DAY),
    { ...newKey('old website', service, newValue(), 700 * DAY), isActive: false },
    { ...newKey('intern', service, newValue(), 5 * DAY), permissions: ['*:read'], expiresAt: Date.now() + 25 * DAY },
  ];
  return {
    users: [service, grace],
    managementId: management.id,
    firstId: first.id,
    server: 'v3.7.2',
    // RateLimiterSettings.cs; what the public cloud has set is not known.
    limits: { creations: 5, creationWindowMs: 15 * 60_000, callsPerMinute: 1500 },
    races: 0,
    keys: [first, management, expired, ...others],
    planted: [],
  };
}

function newKey(name: string, user: User, value: string, age = 0): ApiKey {
  return {
    id: randomUUID(),
    name,
    value,
    createBy: user.id,
    createdAt: Date.now() - age,
    permissions: [],
    lastUsedAt: null,
    expiresAt: null,
    isActive: true,
    deletedAt: null,
  };
}

/** 32 random bytes (ApiKeyManager, GenerateApiKey). */
function newValue(): string {
  return `sk-${randomBytes(32).toString('hex')}`;
}

function wellFormed(value = newValue()): string {
  if (!WELL_FORMED.test(value)) throw new BadWish('A DocSpace API key is "sk-" and 64 lower-case hexadecimal characters.');
  return value;
}

function toSecond(time: number): number {
  return time - (time % 1000);
}
