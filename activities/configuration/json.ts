/**
 * Owns turning what a schema made into plain JSON, which goes through payloads and the ledger
 * unchanged.
 */
import type { Json, JsonObject } from '../../workflows/domain/credential.js';

/**
 * Absent values are left out. Anything else that JSON would drop or change is a fault of the
 * schema, and better found here than after a restart.
 */
export function jsonOf(value: unknown): JsonObject {
  const json = plain(value, '');
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonObject;
  throw new TypeError("a connector's schema must make an object");
}

function plain(value: unknown, path: string): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value as Json;
  if (Array.isArray(value)) return value.map((item, index) => plain(item, `${path}[${index}]`));
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return Object.fromEntries(entries.map(([key, inner]) => [key, plain(inner, `${path}.${key}`)]));
  }
  throw new TypeError(`a connector's schema made something at "${path}" that is not plain JSON`);
}
