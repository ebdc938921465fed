/**
 * Owns what a host does in the browser: Persona Bar > Content > Content Library > API Keys
 * (DNNDocs, create, get, edit or reset, delete an API key). Served under /vendors/dnn of the
 * control address, since it is no API of the vendor's: it stands for the person of a manual
 * rotation.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import { BadWish } from '../vendor.js';
import { KeyForm, keysOf, show } from './api-keys.js';
import { type ApiKey, type DnnState, newKey, resetValue, type Site } from './state.js';

const OnSite = z.object({ site: z.string().optional() });

interface OneKey {
  /** Its id, or its name, as people look for it. */
  Params: { key: string };
  Querystring: { site?: string };
}

export function servePersonaBar(app: FastifyInstance, store: Durable<DnnState>): void {
  app.get('/api-keys', async ({ query }) => keysOf(store.value, site(query)).map(show));

  app.post('/api-keys', async ({ query, body }) => {
    const { name, permissions } = KeyForm.parse(body);
    const key = newKey(site(query).name, name, permissions, store.value.planted.shift());
    store.value.keys.push(key);
    store.save();
    return show(key);
  });

  /** "Reset Key": at once, and whatever becomes of the form afterwards. */
  app.post<OneKey>('/api-keys/:key/reset', async ({ params, query }) => {
    const key = existing(site(query), params.key);
    resetValue(key, store.value.planted.shift());
    store.save();
    return show(key);
  });

  /** "Save". */
  app.put<OneKey>('/api-keys/:key', async ({ params, query, body }) => {
    const key = existing(site(query), params.key);
    Object.assign(key, KeyForm.parse(body), { updatedAt: Date.now() });
    store.save();
    return show(key);
  });

  app.delete<OneKey>('/api-keys/:key', async ({ params, query }) => {
    existing(site(query), params.key).deleted = true;
    store.save();
    return { ok: true };
  });

  /** The site that the host is on: the first, unless another one is said. */
  function site(query: unknown): Site {
    const { site: wanted = store.value.sites[0]!.name } = OnSite.parse(query);
    const found = store.value.sites.find(({ name }) => name === wanted);
    if (!found) throw new BadWish(`There is no site ${wanted}.`);
    return found;
  }

  function existing(on: Site, wanted: string): ApiKey {
    const key = keysOf(store.value, on).find(({ id, name }) => id === wanted || name === wanted);
    if (!key) throw new BadWish(`There is no API key ${wanted} on ${on.name}.`);
    return key;
  }
}
