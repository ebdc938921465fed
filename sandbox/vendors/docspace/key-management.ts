/**
 * Owns DocSpace's calls on API keys: ApiKeysController.cs and ApiKeyManager.cs of
 * ONLYOFFICE/DocSpace-server, v3.7.2, and where a later version answers otherwise, that one's
 * answer. What the source does not settle is marked as assumed.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Account, type ApiKey, isExpired, type User } from './account.js';
import { ANY, type Authentication, READ, tooMany, WRITE } from './authentication.js';
import { Bare, Fault, Invalid, success } from './envelope.js';
import type { SlidingWindow } from './sliding-window.js';

/**
 * AuthorizationExtension.ScopesMap with the portal-wide ones, in the order in which the server
 * sorts them.
 */
const SCOPES = [
  '*',
  '*:read',
  '*:write',
  'accounts:read',
  'accounts:write',
  'accounts.self:read',
  'accounts.self:write',
  'files:read',
  'files:write',
  'rooms:read',
  'rooms:write',
];

const name = z.string().max(30);
const permissions = z.array(z.string()).nullish();
const CreateBody = z.object({ name: name.min(1), permissions, expiresInDays: z.int().min(1).max(365).nullish() });
const UpdateBody = z.object({ name: name.nullish(), permissions, isActive: z.boolean().nullish() });

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface OfKey {
  Params: { id: string };
}

export function serveKeyManagement(
  app: FastifyInstance,
  account: Account,
  authentication: Authentication,
  creations: SlidingWindow,
): void {
  const at = '/api/2.0/keys';
  const isNewer = () => account.state.server === 'newer';
  const shown = (key: ApiKey, moment = 1000) => resource(key, account.userOf(key), moment);

  app.get(at, async (request, reply) => {
    const { user } = authentication.caller(request, reply, READ);
    const visible = account.existing.filter((key) => user.isAdmin || key.createBy === user.id);
    return success(
      request,
      visible.sort((a, b) => b.createdAt - a.createdAt).map((key) => shown(key)),
    );
  });

  app.get(`${at}/@self`, async (request, reply) => {
    return success(request, shown(authentication.caller(request, reply, ANY).key));
  });

  app.get(`${at}/permissions`, async (request, reply) => {
    authentication.caller(request, reply, READ);
    return success(request, SCOPES);
  });

  app.post(at, async (request, reply) => {
    const { user } = authentication.caller(request, reply, WRITE);
    const { creations: limit, creationWindowMs } = account.state.limits;
    // Before the model is looked at: what is refused for its body has been counted.
    const { wait } = creations.enter(user.id, limit, creationWindowMs);
    if (wait > 0) tooMany(reply, wait);
    const wanted = check(CreateBody, request);
    mustBeKnown(wanted.permissions, isNewer());
    const key = account.create(user, {
      ...wanted,
      permissions: wanted.permissions ?? null,
      expiresInDays: wanted.expiresInDays ?? null,
    });
    // Times are those of the moment here, and those of the database, to the second, ever after.
    return success(request, { ...shown(key, 1), key: key.value });
  });

  app.put<OfKey>(`${at}/:id`, async (request, reply) => {
    const { user } = authentication.caller(request, reply, WRITE);
    mustBeGuid(request.params.id);
    const changes = check(UpdateBody, request);
    const key = orDereferenceNull(account.byId(request.params.id));
    if (isExpired(key)) return success(request, false);
    if (!mayChange(user, key)) return refusal(request, isNewer());
    mustBeKnown(changes.permissions, isNewer());
    account.update(key, changes);
    return success(request, true);
  });

  app.delete<OfKey>(`${at}/:id`, async (request, reply) => {
    const { user } = authentication.caller(request, reply, WRITE);
    mustBeGuid(request.params.id);
    const key = orDereferenceNull(account.byId(request.params.id));
    if (!mayChange(user, key)) return refusal(request, isNewer());
    account.remove(key);
    return success(request, true);
  });
}

/** The route takes GUIDs only. */
function mustBeGuid(id: string): void {
  if (!GUID.test(id)) throw new Bare(404);
}

/** No version asks whether there is such a key before it looks into it. */
function orDereferenceNull(key: ApiKey | undefined): ApiKey {
  if (!key) throw new Fault(500, 'Object reference not set to an instance of an object.');
  return key;
}

function mayChange(user: User, key: ApiKey): boolean {
  return user.isAdmin || key.createBy === user.id;
}

function refusal(request: FastifyRequest, isNewer: boolean) {
  if (isNewer) throw new Fault(403, 'Access denied');
  return success(request, false);
}

function mustBeKnown(wanted: readonly string[] | null | undefined, isNewer: boolean): void {
  const isRefusedEmpty = isNewer && wanted?.length === 0;
  if (isRefusedEmpty || !(wanted ?? []).every((scope) => SCOPES.includes(scope)))
    throw new Fault(400, 'Permissions are not valid.');
}

/**
 * That a body of another content type is answered 415, and one that is no JSON 400, is the
 * framework's default and assumed.
 */
function check<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new Bare(415);
  const result = schema.safeParse(parse(request.body));
  if (result.success) return result.data;
  throw new Invalid(Object.fromEntries(result.error.issues.map(({ path, message }) => [path.join('.') || '$', [message]])));
}

function parse(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '');
  } catch {
    throw new Invalid({ $: ['The JSON value could not be converted.'] });
  }
}

/** ApiKeyResponseDto; what is null is left out. */
function resource(key: ApiKey, user: User, moment: number) {
  return {
    id: key.id,
    name: key.name,
    key: `sk-***${key.value.slice(-4)}`,
    keyPostfix: key.value.slice(-4),
    ...(key.permissions !== null && { permissions: key.permissions }),
    ...(key.lastUsedAt !== null && { lastUsed: timestamp(key.lastUsedAt, moment) }),
    createOn: timestamp(key.createdAt, moment),
    createBy: { id: user.id, displayName: user.displayName, isAdmin: user.isAdmin },
    ...(key.expiresAt !== null && { expiresAt: timestamp(key.expiresAt, moment) }),
    isActive: key.isActive,
  };
}

/** `2026-06-15T12:30:00.0000000+02:00`: ticks, in the portal's time zone (ApiDateTime.cs). */
function timestamp(time: number, moment: number): string {
  const local = new Date(time - (time % moment) + 2 * 3_600_000).toISOString();
  return local.replace('Z', '0000+02:00');
}
