/** Owns the faults that every connector over HTTP is held against, and what it must say of each. */
import type { RunningSandbox } from '../../sandbox/support.js';
import { type RequestRow, requestDeadline } from './sandbox.js';

export interface Fault {
  readonly name: string;
  readonly plan: Readonly<Record<string, unknown>>;
  /** Whether the vendor did what it was asked. */
  readonly happens: boolean;
  readonly means: 'lost' | 'limited';
  /** It is noticed by a deadline that is over. */
  readonly waits?: true;
  readonly retryAfterMs?: number;
}

const page = { headers: { 'content-type': 'text/html' }, bodyText: '<html><h1>Blocked by your organisation</h1></html>' };
const before = (status: number, more: object = {}) => ({ when: 'before', action: 'status', status, ...more });
const after = (status: number, more: object = {}) => ({ when: 'after', action: 'status', status, ...more });

export const faults: readonly Fault[] = [
  { name: 'the request is lost', plan: { when: 'before', action: 'drop' }, happens: false, means: 'lost' },
  { name: 'the reply is lost', plan: { when: 'after', action: 'drop' }, happens: true, means: 'lost' },
  { name: 'nobody answers', plan: { when: 'before', action: 'hang' }, happens: false, means: 'lost', waits: true },
  {
    name: 'the answer comes too late',
    plan: { when: 'after', action: 'delay', delayMs: 2 * requestDeadline },
    happens: true,
    means: 'lost',
    waits: true,
  },
  {
    name: 'the answer begins and never ends',
    plan: { when: 'after', action: 'drip', status: 200 },
    happens: true,
    means: 'lost',
    waits: true,
  },
  {
    name: '503 with a date in Retry-After, from a clock that is years ahead',
    plan: before(503, { headers: { date: 'Thu, 01 Jan 2032 00:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2032 00:00:07 GMT' } }),
    happens: false,
    means: 'lost',
    retryAfterMs: 7000,
  },
  { name: '500', plan: before(500, { bodyText: '{}' }), happens: false, means: 'lost' },
  {
    name: '503 with Retry-After',
    plan: before(503, { headers: { 'retry-after': '7' } }),
    happens: false,
    means: 'lost',
    retryAfterMs: 7000,
  },
  {
    name: '429 with Retry-After',
    plan: before(429, { headers: { 'retry-after': '7' } }),
    happens: false,
    means: 'limited',
    retryAfterMs: 7000,
  },
  { name: '429 without Retry-After', plan: before(429), happens: false, means: 'limited' },
  { name: 'a web page with 200', plan: after(200, page), happens: true, means: 'lost' },
  { name: 'a web page with 403', plan: before(403, page), happens: false, means: 'lost' },
  { name: 'a web page with 404', plan: before(404, page), happens: false, means: 'lost' },
  { name: 'a web page with 502', plan: before(502, page), happens: false, means: 'lost' },
  { name: 'a redirect', plan: before(302, { headers: { location: 'http://127.0.0.1:9/' } }), happens: false, means: 'lost' },
  { name: '404 without a word', plan: before(404), happens: false, means: 'lost' },
  {
    name: 'another content type',
    plan: after(200, { headers: { 'content-type': 'text/plain' }, bodyText: '{}' }),
    happens: true,
    means: 'lost',
  },
  { name: 'cut JSON', plan: after(200, { bodyText: '{"data":[{"id"' }), happens: true, means: 'lost' },
  { name: 'cut JSON with 201', plan: after(201, { bodyText: '{"data":{"id"' }), happens: true, means: 'lost' },
];

/** Plants the fault for this very request, once. */
export async function plant(sandbox: RunningSandbox, vendor: string, fault: Fault, request: RequestRow): Promise<void> {
  const at = request.path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('<redacted>', '[^/?&]+');
  await sandbox.tell('POST', '/faults', { vendor, method: request.method, path: `^${at}$`, ...fault.plan });
}

/** A request that a call makes, and how often. */
export interface Made extends RequestRow {
  readonly times: number;
}

/** Each request once, with the number of times that it was made. */
export function different(requests: readonly RequestRow[]): readonly Made[] {
  const same = (a: RequestRow) => (b: RequestRow) => a.method === b.method && a.path === b.path;
  return requests
    .filter((r, at) => requests.findIndex(same(r)) === at)
    .map((r) => ({ ...r, times: requests.filter(same(r)).length }));
}

/**
 * The path of a request for another key. The last place is the key's: an organisation may have the
 * same number.
 */
export function sameFor(path: string, id: string, other: string): string {
  const at = path.lastIndexOf(id);
  return at < 0 ? path : `${path.slice(0, at)}${other}${path.slice(at + id.length)}`;
}
