/**
 * Owns the calls on API keys. **Everything here is assumed.** The vendor's Swagger page shows that
 * there is a controller `ApiKeys` (samples, `Integration.ChromeExtension/docs/images/swagger.png`)
 * and no more; verbs, fields and the path of the reset follow its one sibling that was ever
 * unfolded, Visualizers. They stand in rekey's configuration under dnn-apikeys-calls,
 * dnn-host-token and dnn-reset-call. What they do is not assumed: values can be read again, and a
 * reset works at once (DNNDocs, "Edit or Reset the API Key", "Get an existing API key").
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import type { Authentication } from './authentication.js';
import { listed } from './lists.js';
import { body, notFound } from './refused.js';
import { type ApiKey, type DnnState, newKey, PERMISSIONS, present, resetValue, type Site } from './state.js';

/** No toggle at all is possible on the form; no name is not. */
export const KeyForm = z.strictObject({ name: z.string().trim().min(1), permissions: z.array(z.enum(PERMISSIONS)) });

interface OneKey {
  Params: { id: string };
}

export function serveApiKeys(app: FastifyInstance, store: Durable<DnnState>, authentication: Authentication): void {
  // Before anything is read, and before the id is looked at: a stranger learns nothing.
  app.addHook('preHandler', async (request) => {
    authentication.siteOfHost(request);
  });

  app.get('/ApiKeys', async (request) => listed(request, keysOf(store.value, authentication.siteOfHost(request)), show));

  app.get<OneKey>('/ApiKeys/:id', async (request) => show(existing(authentication.siteOfHost(request), request.params.id)));

  app.post('/ApiKeys', async (request, reply) => {
    const { name, permissions } = body(KeyForm, request);
    const key = newKey(authentication.siteOfHost(request).name, name, permissions, store.value.planted.shift());
    store.value.keys.push(key);
    store.save();
    return reply.code(201).send(show(key));
  });

  app.put<OneKey>('/ApiKeys/:id', async (request) => {
    const key = existing(authentication.siteOfHost(request), request.params.id);
    Object.assign(key, body(KeyForm, request), { updatedAt: Date.now() });
    store.save();
    return show(key);
  });

  app.post<OneKey>('/ApiKeys/:id/reset', async (request) => {
    const key = existing(authentication.siteOfHost(request), request.params.id);
    resetValue(key, store.value.planted.shift());
    store.save();
    return show(key);
  });

  app.delete<OneKey>('/ApiKeys/:id', async (request, reply) => {
    existing(authentication.siteOfHost(request), request.params.id).deleted = true;
    store.save();
    return reply.code(204).send();
  });

  function existing(site: Site, id: string): ApiKey {
    const key = keysOf(store.value, site).find((candidate) => candidate.id === id);
    if (!key) throw notFound();
    return key;
  }
}

/** Of one site: a key of another one does not exist here. */
export function keysOf(state: DnnState, site: Site): ApiKey[] {
  return state.keys.filter((key) => key.site === site.name && !key.deleted);
}

/** With its value: list and form let a host copy it at any time. */
export function show(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    key: present(key).value,
    permissions: key.permissions,
    createdAt: new Date(key.createdAt).toISOString(),
    updatedAt: new Date(key.updatedAt).toISOString(),
  };
}
