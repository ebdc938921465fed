/**
 * Owns the calls on API key accounts. Paths and fields: the `ApiKeyREST` resource and the
 * `__apikey` type of a 51.0 server (ibmresilient/resilient-python-api, types dump;
 * lancyandrade/qradar-soar-mcp). The bodies of create and regenerate are not published: all that is
 * marked as assumed below stands in rekey's configuration under the names soar-create-call and
 * soar-regenerate-call.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import { body, Refused, unableToFind } from './refused.js';
import { type ApiKeyAccount, newAccount, renewSecret, type SoarState } from './state.js';

/** Both forms of permissions are assumed. */
const permissions = z.union([
  z.array(z.string()),
  z.object({ permission_handles: z.array(z.string()) }).transform((p) => p.permission_handles),
]);
const Create = z.object({ display_name: z.string().min(1), permissions });
/**
 * A PUT takes the full object, as everywhere in this API; the flag that makes it a regenerate is
 * assumed.
 */
const Update = z.object({ id: z.int(), display_name: z.string().min(1), permissions, regenerate_secret: z.boolean().optional() });
const Query = z.object({
  filters: z.array(z.unknown()).optional(),
  start: z.int().min(0).default(0),
  length: z.int().min(0).default(50),
});

interface OneKey {
  Params: { org: string; id: string };
}

/** `caller` is the account that a request logged in with. */
export function serveApiKeys(
  app: FastifyInstance,
  store: Durable<SoarState>,
  caller: (request: FastifyRequest) => ApiKeyAccount,
): void {
  const living = () => store.value.accounts.filter(({ deleted }) => !deleted);

  app.addHook('preHandler', async (request) => {
    if (!caller(request).permissions.includes('admin_apikeys')) throw new Refused(403);
  });

  // A plain array, like the users of this API: assumed.
  app.get('/apikeys', async () => living().map(show));

  app.post('/apikeys', async (request) => {
    const wanted = body(Create, request);
    mustBeFree(wanted.display_name);
    const account = newAccount(store.value.nextId++, wanted.display_name, wanted.permissions, store.value.planted.shift());
    account.modifiedBy = caller(request).displayName;
    store.value.accounts.push(account);
    store.save();
    return { ...show(account), client_secret: account.secrets[0]!.value };
  });

  app.post('/apikeys/query_paged', async (request) => {
    const { filters, start, length } = body(Query, request);
    if (filters?.length) throw new Refused(400, 'The simulator knows no filters');
    const all = living();
    return { data: all.slice(start, start + length).map(show), recordsTotal: all.length, recordsFiltered: all.length };
  });

  app.get<OneKey>('/apikeys/:id', async (request) => show(existing(request.params.id)));

  app.put<OneKey>('/apikeys/:id', async (request) => {
    const account = existing(request.params.id);
    const wanted = body(Update, request);
    if (wanted.id !== account.id) throw new Refused(400, 'The id of the body is not the id of the path');
    if (wanted.display_name !== account.displayName) mustBeFree(wanted.display_name);
    account.displayName = wanted.display_name;
    account.permissions = wanted.permissions;
    account.modifiedAt = Date.now();
    account.modifiedBy = caller(request).displayName;
    const secret = wanted.regenerate_secret ? renewSecret(account, store.value.planted.shift()) : undefined;
    store.save();
    return { ...show(account), ...(secret && { client_secret: secret.value }) };
  });

  app.delete<OneKey>('/apikeys/:id', async (request) => {
    const account = existing(request.params.id);
    account.deleted = true;
    for (const secret of account.secrets) secret.dead = true;
    store.save();
    return { success: true, title: null, message: null, hints: [] };
  });

  function existing(id: string): ApiKeyAccount {
    const account = living().find((candidate) => String(candidate.id) === id);
    if (!account) throw unableToFind('API key', id);
    return account;
  }

  /**
   * Display names are unique in an organisation (IBM, "Creating API key accounts"); the status is
   * assumed.
   */
  function mustBeFree(name: string): void {
    if (living().some(({ displayName }) => displayName === name))
      throw new Refused(400, `The display name "${name}" is already in use`);
  }

  function show(account: ApiKeyAccount) {
    return {
      id: account.id,
      client_id: account.clientId,
      display_name: account.displayName,
      created: account.createdAt,
      creator: 'ada@example.com',
      last_modified_by: account.modifiedBy,
      last_modified_time: account.modifiedAt,
      locked: account.locked,
      orgs: [{ id: store.value.orgId, name: store.value.orgName }],
      permissions: account.permissions,
      secret_expiration_date: account.secretExpiresAt,
      secret_last_modified_time: account.secretModifiedAt,
    };
  }
}
