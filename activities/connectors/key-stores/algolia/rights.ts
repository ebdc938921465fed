/**
 * Owns what a key of Algolia's may do, in a form that can be compared and written back whole: an
 * update replaces every field, and what it leaves out falls open.
 */

import type { Json, JsonObject } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';

/**
 * What Algolia gives where nothing is said (`specs/search/paths/keys` of
 * algolia/api-clients-automation): no limit at all. `acl` has no default.
 */
export const openRights = {
  indexes: [],
  maxHitsPerQuery: 0,
  maxQueriesPerIPPerHour: 0,
  queryParameters: '',
  referers: [],
  validUntil: null,
} as const satisfies JsonObject;

const known = ['acl', ...Object.keys(openRights)];

/** A key as it is read, without its value and description. */
export interface ReadRights {
  readonly [field: string]: Json;
  readonly createdAt: number;
  readonly validity: number;
}

/**
 * The rights of a key that was read at a moment of Algolia's clock. `validity` reads back as the
 * time that is left (Algolia's Terraform provider leaves it out of its comparison for that), so the
 * moment of its end stands here instead, to the minute: that holds still.
 */
export function rightsOf({ createdAt, validity, ...rest }: ReadRights, now: number): JsonObject {
  return { ...openRights, ...rest, validUntil: validity === 0 ? null : minuteOf(endOf(now + validity * 1000, createdAt)) };
}

/**
 * The body of a create or update that gives exactly these rights. Throws KR_STORE_REFUSED for what
 * would open the key by being left out.
 */
export function bodyOf(label: string, description: string, rights: JsonObject, now: number): JsonObject {
  const { validUntil, ...rest } = wholeRights(label, rights);
  return { ...rest, description, validity: validUntil === null ? 0 : secondsUntil(label, String(validUntil), now) };
}

function wholeRights(label: string, rights: JsonObject): JsonObject {
  if ('validity' in rights)
    throw refused(
      label,
      'validity is the time that is left, which never holds still: say validUntil, such as "2027-01-31T18:00Z"',
    );
  const missing = known.filter((name) => rights[name] === undefined);
  if (missing.length > 0) throw refused(label, `${missing.join(', ')} would fall to no limit by being left out`);
  return rights;
}

const minute = 60_000;
/** Algolia counts whole seconds, and so does the `Date` of its answers. */
const blur = 3_000;

/**
 * Most keys live for whole minutes from their creation, which is known to the millisecond; then
 * nothing about their end is blurred.
 */
function endOf(estimate: number, createdAt: number): number {
  const whole = createdAt + Math.round((estimate - createdAt) / minute) * minute;
  return Math.abs(whole - estimate) <= blur ? whole : estimate;
}

function minuteOf(time: number): string {
  return new Date(time).toISOString().replace(/:\d\d\.\d{3}Z$/, 'Z');
}

/**
 * To the middle of that minute, where no blur can carry it into another. Never 0, which would be
 * for ever.
 */
function secondsUntil(label: string, validUntil: string, now: number): number {
  const start = Date.parse(validUntil);
  if (Number.isNaN(start) || minuteOf(start) !== validUntil)
    throw refused(label, 'validUntil is not a minute of UTC such as "2027-01-31T18:00Z"');
  const seconds = Math.round((start + minute / 2 - now) / 1000);
  if (seconds < 1) throw refused(label, `validUntil ${validUntil} has passed, and a key without time left would be one for ever`);
  return seconds;
}

function refused(label: string, text: string): RekeyError {
  return new RekeyError('KR_STORE_REFUSED', `${label}: ${text}; nothing was sent`);
}

/**
 * The rights with what attributes say. A new validity counts from now, as it would from the
 * creation of a key.
 */
export function rightsWith(rights: JsonObject, { validity, securedKeys, ...said }: JsonObject, now: number): JsonObject {
  if (securedKeys !== undefined)
    throw new RekeyError(
      'KR_USAGE',
      'securedKeys is no property of the key: declare it in rekey.yaml, it holds from the next rotation on',
    );
  if (validity === undefined) return { ...rights, ...said };
  return { ...rights, ...said, validUntil: validity === 0 ? null : minuteOf(now + Number(validity) * 1000) };
}

/** What a change opens, a sentence for each; a field that is left out counts as its default. */
export function widens(before: JsonObject, after: JsonObject): readonly string[] {
  const [old, next] = [
    { ...openRights, ...before },
    { ...openRights, ...after },
  ] as [JsonObject, JsonObject];
  const added = listOf(next.acl).filter((right) => !listOf(old.acl).includes(right));
  return [
    ...(added.length > 0 ? [`the key may also: ${added.join(', ')}`] : []),
    ...widened('indexes', 'indices', old, next),
    ...widened('referers', 'referrers', old, next),
    ...loosened(String(old.queryParameters), String(next.queryParameters)),
    ...raised('maxHitsPerQuery', 'hits per query', old, next),
    ...raised('maxQueriesPerIPPerHour', 'calls per hour and address', old, next),
    ...outlived(old.validUntil, next.validUntil),
  ];
}

function widened(field: 'indexes' | 'referers', what: string, old: JsonObject, next: JsonObject): readonly string[] {
  const [before, after] = [listOf(old[field]), listOf(next[field])];
  if (before.length === 0) return [];
  if (after.length === 0) return [`${field} is dropped: all ${what} are allowed`];
  const added = after.filter((pattern) => !before.includes(pattern));
  return added.length > 0 ? [`further ${what} are allowed: ${added.join(', ')}`] : [];
}

/**
 * Every parameter that is forced may hold something back, such as `restrictSources` or `filters`;
 * whether another value holds back less cannot be told.
 */
function loosened(before: string, after: string): readonly string[] {
  const [old, next] = [new URLSearchParams(before), new URLSearchParams(after)];
  return [...new Set(old.keys())].flatMap((name) => {
    if (!next.has(name)) return [`queryParameters no longer forces ${name}`];
    return old.getAll(name).join() === next.getAll(name).join() ? [] : [`queryParameters forces another ${name}`];
  });
}

function raised(field: string, what: string, old: JsonObject, next: JsonObject): readonly string[] {
  const [before, after] = [Number(old[field]), Number(next[field])];
  if (before === 0 || (after !== 0 && after <= before)) return [];
  return [after === 0 ? `${field} is dropped: ${what} are not limited` : `${field} rises from ${before} to ${after}`];
}

function outlived(before: Json | undefined, after: Json | undefined): readonly string[] {
  if (typeof before !== 'string') return [];
  if (typeof after !== 'string') return [`the key never expires; it would have on ${before}`];
  return Date.parse(after) > Date.parse(before) ? [`the key lives until ${after} instead of ${before}`] : [];
}

const listOf = (value: Json | undefined): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
