/**
 * Owns Algolia's key management calls: paths, shapes and statuses as in
 * algolia/api-clients-automation, `specs/search/paths/keys`. The key is its own id; a create
 * answers `key` and a date as text, a read `value` and the same date as a number; everything is
 * answered 200.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type ApiKey, type Application, DEFAULTS, Refused } from './application.js';
import { type Authentication, allowsSource } from './authentication.js';
import { isLive, knownAt, type Snapshot } from './spread.js';

/** `Acl` of `@algolia/client-search` 5.64.0. `admin` is none of them. */
const ACL = [
  'addObject',
  'analytics',
  'browse',
  'deleteObject',
  'deleteIndex',
  'editSettings',
  'inference',
  'listIndexes',
  'logs',
  'personalization',
  'recommendation',
  'search',
  'seeUnretrievableAttributes',
  'settings',
  'usage',
  'nluWriteProject',
  'nluReadProject',
  'nluWriteEntity',
  'nluReadEntity',
  'nluWriteIntent',
  'nluReadIntent',
  'nluPrediction',
  'nluReadAnswers',
] as const;

/**
 * That a field which the specification does not know is refused, and not ignored, follows from its
 * `additionalProperties: false`.
 */
const Body = z.strictObject({
  acl: z.array(z.enum(ACL)),
  description: z.string().default(DEFAULTS.description),
  indexes: z.array(z.string()).default(DEFAULTS.indexes),
  maxHitsPerQuery: z.int().min(0).default(DEFAULTS.maxHitsPerQuery),
  maxQueriesPerIPPerHour: z.int().min(0).default(DEFAULTS.maxQueriesPerIPPerHour),
  queryParameters: z.string().default(DEFAULTS.queryParameters),
  referers: z.array(z.string()).default(DEFAULTS.referers),
  validity: z.int().min(0).default(0),
});

interface OfKey {
  Params: { key: string };
}

export function serveKeyManagement(
  app: FastifyInstance,
  application: Application,
  authentication: Authentication,
  host: number,
): void {
  const asAdmin = (request: FastifyRequest) => authentication.caller(request).mustHave('admin');

  app.get('/1/keys', async (request) => {
    asAdmin(request);
    return { keys: application.at(host).map((key) => shown(key, knownAt(key, host)!)) };
  });

  app.post('/1/keys', async (request) => {
    asAdmin(request);
    const { validity, ...rights } = bodyOf(request);
    const key = application.create(rights, validity);
    return { key: key.value, createdAt: new Date(key.createdAt).toISOString() };
  });

  /**
   * With another key than the admin key only of itself, and that only with `search`, as the
   * client's documentation says.
   */
  app.get<OfKey>('/1/keys/:key', async (request) => {
    const caller = authentication.caller(request);
    const isAdmin = caller.key.admin;
    if (!isAdmin && (caller.secured || caller.key.value !== request.params.key))
      throw new Refused('Method not allowed with this API key', 403);
    if (!isAdmin) caller.mustHave('search');
    const key = application.byValue(request.params.key);
    const known = key && knownAt(key, host);
    if (!key || !isLive(known)) throw new Refused('Key does not exist', 404);
    return { ...shown(key, known), ...(!isAdmin && { description: '<redacted>' }) };
  });

  app.put<OfKey>('/1/keys/:key', async (request) => {
    asAdmin(request);
    const { validity, ...rights } = bodyOf(request);
    application.replace(request.params.key, rights, validity);
    return { key: request.params.key, updatedAt: new Date().toISOString() };
  });

  app.delete<OfKey>('/1/keys/:key', async (request) => {
    asAdmin(request);
    application.delete(request.params.key);
    return { deletedAt: new Date().toISOString() };
  });

  app.post<OfKey>('/1/keys/:key/restore', async (request) => {
    asAdmin(request);
    application.restore(request.params.key);
    return { key: request.params.key, createdAt: new Date().toISOString() };
  });
}

/** `validity` is the time that is left, judging by how Algolia's Terraform provider compares it. */
function shown({ value, createdAt }: ApiKey, { rights, expiresAt }: Snapshot) {
  return { value, createdAt, ...rights, validity: expiresAt === null ? 0 : Math.ceil((expiresAt - Date.now()) / 1000) };
}

function bodyOf(request: FastifyRequest): z.infer<typeof Body> {
  const body = Body.safeParse(parse(request.body));
  if (!body.success) throw new Refused(z.prettifyError(body.error));
  const source = new URLSearchParams(body.data.queryParameters).get('restrictSources');
  if (!allowsSource(source, request.ip)) throw new Refused('restrictSources excludes the address of this request');
  return body.data;
}

/** The official client sends JSON as `text/plain`, so the type says nothing. */
export function parse(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '');
  } catch {
    throw new Refused('Invalid JSON');
  }
}
