/**
 * Owns the shape of a simulated DNN Evoq instance: its sites with what they hold, and an instance
 * that has been in use for a while.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { BadWish, type Planted } from '../vendor.js';

/**
 * The four toggles of the key form, as resource and action (samples, `ScopeManager.cs`); how they
 * travel is assumed. Writing includes reading.
 */
export const PERMISSIONS = ['sc-item:read', 'sc-item:write', 'sc-type:read', 'sc-type:write'] as const;
export type Permission = (typeof PERMISSIONS)[number];

export interface KeyValue {
  readonly value: string;
  readonly createdAt: number;
  lastUsedAt: number | null;
  dead: boolean;
}

export interface ApiKey {
  readonly id: string;
  /** The site that was current when the key was made. */
  readonly site: string;
  name: string;
  permissions: Permission[];
  readonly createdAt: number;
  updatedAt: number;
  deleted: boolean;
  /** The newest last: a reset replaces the value and keeps the id. */
  values: KeyValue[];
}

export interface Content {
  readonly id: string;
  name: string;
  readonly createdAt: number;
  updatedAt: number;
}

export interface ContentItem extends Content {
  readonly contentTypeId: string;
  details: Record<string, unknown>;
}

export interface Site {
  readonly name: string;
  /** Of the browser session of a host who is on this site: a JSON web token, opaque here. */
  readonly token: string;
  types: Content[];
  items: ContentItem[];
}

export interface DnnState {
  readonly sites: Site[];
  readonly firstId: string;
  keys: ApiKey[];
  planted: string[];
}

const DAY = 86_400_000;

/** What belongs to nobody here, on this site and on another, must survive every rotation. */
export function seed(planted: Planted): DnnState {
  const [www, intranet] = ['www.example.com', 'intranet.example.com'] as const;
  const first = newKey(www, 'site apps', ['sc-item:write', 'sc-type:read'], planted.key, 400 * DAY);
  return {
    sites: [newSite(www, planted.management?.token), newSite(intranet)],
    firstId: first.id,
    keys: [
      first,
      newKey(www, 'mobile app', ['sc-item:read', 'sc-type:read'], undefined, 300 * DAY),
      newKey(www, 'voice assistant', ['sc-item:read'], undefined, 90 * DAY),
      newKey(intranet, 'site apps', ['sc-item:write', 'sc-type:write'], undefined, 200 * DAY),
    ],
    planted: [],
  };
}

export function newKey(site: string, name: string, permissions: readonly Permission[], value?: string, age = 0): ApiKey {
  const createdAt = Date.now() - age;
  return {
    id: randomUUID(),
    site,
    name,
    permissions: [...permissions],
    createdAt,
    updatedAt: createdAt,
    deleted: false,
    values: [newValue(value, createdAt)],
  };
}

/**
 * The old value is gone at once, whether or not the form is ever saved (DNNDocs, "Edit or Reset the
 * API Key").
 */
export function resetValue(key: ApiKey, planted: string | undefined): void {
  for (const value of key.values) value.dead = true;
  key.values.push(newValue(planted, Date.now()));
}

export function present(key: ApiKey): KeyValue {
  return key.values.at(-1)!;
}

/** As in all samples of the vendor. */
export function checkValue(value: string): string {
  if (!/^[0-9a-f]{32}$/.test(value)) throw new BadWish('A DNN API key is 32 lower-case hexadecimal characters.');
  return value;
}

export function newItem(contentTypeId: string, name: string, details: Record<string, unknown>): ContentItem {
  return { ...newContent(name), contentTypeId, details };
}

export function newContent(name: string): Content {
  const now = Date.now();
  return { id: randomUUID(), name, createdAt: now, updatedAt: now };
}

function newValue(value: string | undefined, createdAt: number): KeyValue {
  return { value: checkValue(value ?? randomBytes(16).toString('hex')), createdAt, lastUsedAt: null, dead: false };
}

function newSite(name: string, token = newToken(name)): Site {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new BadWish("A host's token is a JSON web token: three parts, two dots.");
  const types = ['Product', 'Store', 'News'].map(newContent);
  const items = ['Lamp', 'Chair', 'Table', 'Shelf'].map((item) => newItem(types[0]!.id, `${item} of ${name}`, { stock: 10 }));
  return { name, token, types, items };
}

function newToken(site: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return [part({ alg: 'HS256', typ: 'JWT' }), part({ sub: 'host', aud: site }), randomBytes(32).toString('base64url')].join('.');
}
