/**
 * Owns Datadog's key management calls: paths, JSON:API shapes and statuses as in the official
 * client (`@datadog/datadog-api-client`, KeyManagementApi) and its recorded cassettes. Whatever
 * Datadog does not publish is marked as assumed.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Account, type ApiKey, Refused } from './account.js';
import type { Authentication } from './authentication.js';
import { limitRate } from './rate-limit.js';

const DAY = 86_400_000;
const SORTS = ['created_at', 'last4', 'modified_at', 'name'] as const;

const attributes = z.object({
  name: z.string().min(1),
  category: z.string().optional(),
  remote_config_read_enabled: z.boolean().optional(),
});
const CreateBody = z.object({ data: z.object({ type: z.literal('api_keys'), attributes }) });
const UpdateBody = z.object({ data: z.object({ type: z.literal('api_keys'), id: z.string(), attributes }) });

/** That a page above 100 and an unknown order are refused, and not cut or ignored, is assumed. */
const ListQuery = z.object({
  'page[size]': z.coerce.number().int().min(1).max(100).default(10),
  'page[number]': z.coerce.number().int().min(0).default(0),
  sort: z.enum([...SORTS, ...SORTS.map((field) => `-${field}` as const)]).default('name'),
  filter: z.string().optional(),
  'filter[created_at][start]': z.iso.datetime({ offset: true }).optional(),
  'filter[created_at][end]': z.iso.datetime({ offset: true }).optional(),
  'filter[modified_at][start]': z.iso.datetime({ offset: true }).optional(),
  'filter[modified_at][end]': z.iso.datetime({ offset: true }).optional(),
  'filter[remote_config_read_enabled]': z.enum(['true', 'false']).optional(),
  'filter[category]': z.string().optional(),
  include: z.string().optional(),
});

export async function serveKeyManagement(app: FastifyInstance, account: Account, authentication: Authentication): Promise<void> {
  app.addHook('preHandler', async (request) => {
    authentication.bothKeys(request);
  });
  app.addHook('preHandler', limitRate(account));

  app.get('/api/v2/api_keys', async (request) => {
    const query = check(ListQuery, request.query);
    const found = account.live.filter((key) => matches(key, query)).sort(by(query.sort));
    const first = query['page[number]'] * query['page[size]'];
    const page = found.slice(first, first + query['page[size]']);
    return {
      data: page.map((key) => resource(account, key, partial(key))),
      ...included(account, query.include),
      meta: { max_allowed: account.state.limits.maxKeys, page: { total_filtered_count: found.length } },
    };
  });

  app.post('/api/v2/api_keys', async (request, reply) => {
    const { data } = check(CreateBody, parse(request.body));
    const key = account.create({ ...data.attributes, remoteConfigReadEnabled: data.attributes.remote_config_read_enabled });
    // Nothing about its use yet: the recorded answers of a create leave these fields out.
    const { date_last_used: _, used_in_last_24_hours: __, last_used_date: ___, ...fresh } = full(key);
    return reply.code(201).send({ data: resource(account, key, fresh) });
  });

  app.get<{ Params: { id: string }; Querystring: { include?: string } }>('/api/v2/api_keys/:id', async (request) => {
    const key = existing(account, request.params.id);
    return { data: resource(account, key, full(key)), ...included(account, request.query.include) };
  });

  app.patch<{ Params: { id: string } }>('/api/v2/api_keys/:id', async (request) => {
    const key = existing(account, request.params.id);
    const { data } = check(UpdateBody, parse(request.body));
    if (data.id !== key.id) throw new Refused('The id of the body is not the id of the path');
    account.update(key, { ...data.attributes, remoteConfigReadEnabled: data.attributes.remote_config_read_enabled });
    return { data: resource(account, key, full(key)) };
  });

  app.delete<{ Params: { id: string } }>('/api/v2/api_keys/:id', async (request, reply) => {
    account.revoke(existing(account, request.params.id));
    return reply.code(204).send();
  });
}

/** An ill-formed id gets the same answer as an unknown one, as recorded. */
function existing(account: Account, id: string): ApiKey {
  const key = account.byId(id);
  if (!key) throw new Refused('API key not found', 404);
  return key;
}

function matches(key: ApiKey, query: z.infer<typeof ListQuery>): boolean {
  const within = (time: number, field: 'created_at' | 'modified_at') =>
    time >= Date.parse(query[`filter[${field}][start]`] ?? '1970-01-01') &&
    time <= Date.parse(query[`filter[${field}][end]`] ?? '9999-01-01');
  return (
    // That the filter finds any part of a name, whatever its case, is assumed.
    (query.filter === undefined || key.name.toLowerCase().includes(query.filter.toLowerCase())) &&
    within(key.createdAt, 'created_at') &&
    within(key.modifiedAt, 'modified_at') &&
    (query['filter[remote_config_read_enabled]'] === undefined ||
      key.remoteConfigReadEnabled === (query['filter[remote_config_read_enabled]'] === 'true')) &&
    (query['filter[category]'] === undefined || key.category === query['filter[category]'])
  );
}

function by(sort: z.infer<typeof ListQuery>['sort']): (a: ApiKey, b: ApiKey) => number {
  const values = { created_at: createdAt, modified_at: modifiedAt, name: (key: ApiKey) => key.name, last4 };
  const descending = sort.startsWith('-');
  const value = values[sort.replace('-', '') as keyof typeof values];
  return (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (descending ? -1 : 1);
}

function partial(key: ApiKey) {
  const used = key.publishedLastUse;
  return {
    created_at: createdAt(key),
    modified_at: modifiedAt(key),
    name: key.name,
    last4: last4(key),
    category: key.category,
    remote_config_read_enabled: key.remoteConfigReadEnabled,
    private_action_runner_enroll_enabled: false,
    date_last_used: used === null ? null : timestamp(used),
    used_in_last_24_hours: used !== null && used > Date.now() - DAY,
    last_used_date: used === null ? null : { timestamp: timestamp(used), description: 'Last used in the past ninety days' },
  };
}

/** The value can be read again at any time, except that of a managed key. */
function full(key: ApiKey) {
  return { ...partial(key), ...(!key.managed && { key: key.value }) };
}

function resource(account: Account, key: ApiKey, attributes: object) {
  const user = { data: { id: account.state.userId, type: 'users' } };
  return { id: key.id, type: 'api_keys', attributes, relationships: { created_by: user, modified_by: user } };
}

function included(account: Account, include: string | undefined) {
  if (!include) return {};
  const asked = include.split(',');
  if (!asked.every((name) => name === 'created_by' || name === 'modified_by')) throw new Refused('Invalid include');
  const user = {
    id: account.state.userId,
    type: 'users',
    attributes: { name: 'Ada Example', handle: 'ada@example.com', disabled: false },
  };
  return { included: [user] };
}

const createdAt = (key: ApiKey) => timestamp(key.createdAt);
const modifiedAt = (key: ApiKey) => timestamp(key.modifiedAt);
const last4 = (key: ApiKey) => key.value.slice(-4);

/** Microseconds and a numeric offset, as recorded: `2022-05-12T09:52:15.135884+00:00`. */
function timestamp(time: number): string {
  return new Date(time).toISOString().replace('Z', '000+00:00');
}

export function parse(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '');
  } catch {
    throw new Refused('The body is not valid JSON');
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new Refused(z.prettifyError(result.error));
  return result.data;
}
