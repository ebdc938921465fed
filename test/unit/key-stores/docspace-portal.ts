/**
 * Owns a server that answers like a DocSpace portal with keys of a test's own, and the store that
 * is opened on it.
 */
import { afterEach, beforeEach } from 'vitest';
import { connector } from '../../../activities/connectors/key-stores/docspace/key-store.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { json, type Seen, startServer, type TestServer } from '../http/server.js';

export const token = `sk-${'a'.repeat(60)}0001`;
export const user = '6f1c9f6e-2b0a-4a6e-9d3a-0c1d2e3f4a5b';
export const other = '7f1c9f6e-2b0a-4a6e-9d3a-0c1d2e3f4a5b';
export const never = (): AbortSignal => new AbortController().signal;
export const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

export let server: TestServer;

/** Gives each test of a file a server of its own. */
export function usePortal(): void {
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(() => server.close());
}

export function open(management = token): KeyStore {
  const settings = connector.config.settings.parse({ url: server.url, management: { token: 'env:T' } });
  return connector.open(JSON.parse(JSON.stringify(settings)), {
    name: 'portal',
    userAgent: 'rekey/0.1.0 (here; 7)',
    resolve: async () => new Secret(management),
  });
}

export type Answer = Parameters<typeof json>[0];
export interface Shown {
  readonly id: string;
  readonly [field: string]: unknown;
}

export const key = (number: number, more: object = {}): Shown => ({
  id: idOf(number),
  name: `key ${number}`,
  key: 'sk-***0001',
  keyPostfix: '0001',
  permissions: ['files:read'],
  createOn: '2026-01-01T00:00:00.0000000+02:00',
  createBy: { id: user, displayName: 'Ada' },
  isActive: true,
  ...more,
});
export const enveloped = (response: unknown) => ({ response, count: 1, links: [], status: 0, statusCode: 200 });

/**
 * Answers like a portal with these keys; `special` is asked first, by method and last part of the
 * path.
 */
export function portal(keys: readonly Shown[], special: Record<string, (response: Answer, body: string) => void> = {}): void {
  server.answer(({ url, method, body }, response) => {
    const last = url.split('/').at(-1)!;
    const answer = special[`${method} ${last}`] ?? special[method];
    if (answer) return answer(response, body);
    if (last === '@self') return json(response, 200, enveloped(key(99, { permissions: [] })));
    if (method === 'GET') return json(response, 200, enveloped(keys));
    return json(response, 200, enveloped(true));
  });
}

export const sent = (method: string): Seen[] => server.seen.filter((seen) => seen.method === method);
export const bodyOf = (method: string) => JSON.parse(sent(method).at(-1)!.body);
