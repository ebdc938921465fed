/** Owns a SOAR of three answers, for tests of what the connectors make of them. */

import { afterEach, beforeEach } from 'vitest';
import { connector as appHost } from '../../../activities/connectors/app-hosts/soar-app-host/app-host.js';
import { unpublishedCalls } from '../../../activities/connectors/key-stores/soar/config.js';
import { connector } from '../../../activities/connectors/key-stores/soar/key-store.js';
import type { AppHost } from '../../../activities/ports/app-host.js';
import type { KeyStore } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { json, startServer, type TestServer } from '../http/server.js';

export const never = (): AbortSignal => new AbortController().signal;
export const all = Object.keys(unpublishedCalls);
export const clientId = '0d9c8b7a-6f5e-4d3c-8b1a-001122334455';
export const secret = new Secret('S3cret-S3cret-S3cret-S3cret-S3cret-0123');

export let server: TestServer;
let managementSecret: string;
/** A credential of its own for each test: a refused one is remembered by the process. */
export const changeManagementSecret = (): void => {
  managementSecret = `management-${Math.random()}`;
};

/** Gives each test of a file a server of its own. */
export function useSoar(): void {
  beforeEach(async () => {
    server = await startServer();
    changeManagementSecret();
  });
  afterEach(() => server.close());
}

export const context = (name: string) => ({
  name,
  userAgent: 'rekey/0.1.0 (here; 7)',
  resolve: async (reference: string) => new Secret(reference === 'env:ID' ? 'management-id' : managementSecret),
});
export function settings(more: object = {}): unknown {
  const entry = {
    url: server.url,
    organisation: 'Example',
    management: { keyId: 'env:ID', keySecret: 'env:SECRET' },
    accept: all,
    ...more,
  };
  return JSON.parse(JSON.stringify(connector.config.settings.parse(entry)));
}
export const open = (more: object = {}): KeyStore => connector.open(settings(more), context('soar'));
export const host = (more: object = {}): AppHost =>
  appHost.open({ store: 'soar' }, context('apps'), { settings: settings(more), context: context('soar') });

const org = { id: 201, name: 'Example', uuid: 'org-uuid', cloud_account: null, enabled: true };
export const key = {
  id: 17,
  client_id: clientId,
  display_name: 'enrichment',
  locked: false,
  permissions: ['read_data', 'edit_data'],
  secret_expiration_date: Date.now() + 1e9,
  secret_last_modified_time: 1000,
};
export const executable = { apikey_handle: clientId, config_string: '[resilient]\napi_key_secret=$API_KEY_SECRET\n' };
export const app = {
  id: 101,
  name: 'enrichment',
  status: 'DEPLOYED',
  instances: [{ pod: 'p-1', state: 'running', started_time: 2000 }],
  restarts: 0,
  last_exit_code: null,
  current_installation: { executables: [executable] },
};

type Answers = Record<string, unknown>;
/**
 * Answers like SOAR; what is not among `more` is a session with a key and an app. A function is
 * asked each time.
 */
export function soar(more: Answers = {}): void {
  const answers: Answers = {
    'GET /rest/session': { client_id: 'management-id', orgs: [org] },
    'GET /rest/orgs/201/apikeys': [key],
    'GET /rest/orgs/201/apikeys/17': key,
    'GET /rest/orgs/201/apps': { entities: [app] },
    'GET /rest/orgs/201/apps/101': app,
    ...more,
  };
  server.answer(({ method, url }, response) => {
    const given = answers[`${method} ${url.split('?')[0]}`];
    const answer: unknown = typeof given === 'function' ? given() : given;
    if (typeof answer === 'number') return json(response, answer, { success: false, message: 'no' });
    if (answer === undefined) return json(response, 404, { success: false, message: `Unable to find ${url}` });
    return json(response, 200, answer);
  });
}
export const asked = () => server.seen.map(({ method, url }) => `${method} ${url.split('?')[0]}`);
