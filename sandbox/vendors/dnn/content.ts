/**
 * Owns the content of the sites as API keys reach it, and the truth about what the apps get. Paths,
 * lists and statuses: DNNDocs (api-contenttypes-get, api-contentitems-id-get,
 * about-structured-content-api-get-responses); an update is answered 201, as the samples say.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import type { Traffic } from '../../traffic.js';
import type { Authentication } from './authentication.js';
import { listed } from './lists.js';
import { body, invalid, notFound } from './refused.js';
import { type Content, type ContentItem, type DnnState, newContent, newItem, type Site } from './state.js';

const TypeBody = z.object({ name: z.string().min(1) });
const ItemBody = z.object({
  name: z.string().min(1),
  contentTypeId: z.string(),
  details: z.record(z.string(), z.unknown()).default({}),
});

interface OneItem {
  Params: { id: string };
}

export function serveContent(
  app: FastifyInstance,
  store: Durable<DnnState>,
  authentication: Authentication,
  traffic: Traffic,
): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const denied = reply.statusCode === 401;
    traffic.count(appOf(request), 'sent', ...(denied ? (['refused', 'lost'] as const) : (['accepted'] as const)));
    return payload;
  });

  app.get('/ContentTypes', async (request) => listed(request, authentication.siteByKey(request, 'sc-type:read').types, showType));

  app.post('/ContentTypes', async (request, reply) => {
    const site = authentication.siteByKey(request, 'sc-type:write');
    const type = newContent(body(TypeBody, request).name);
    site.types.push(type);
    store.save();
    return reply.code(201).send(showType(type));
  });

  app.get('/ContentItems', async (request) => listed(request, authentication.siteByKey(request, 'sc-item:read').items, showItem));

  app.get<OneItem>('/ContentItems/:id', async (request) =>
    showItem(existing(authentication.siteByKey(request, 'sc-item:read'), request.params.id)),
  );

  app.post('/ContentItems', async (request, reply) => {
    const site = authentication.siteByKey(request, 'sc-item:write');
    const { name, contentTypeId, details } = ofType(site, body(ItemBody, request));
    const item = newItem(contentTypeId, name, details);
    site.items.push(item);
    store.save();
    return reply.code(201).send(showItem(item));
  });

  app.put<OneItem>('/ContentItems/:id', async (request, reply) => {
    const site = authentication.siteByKey(request, 'sc-item:write');
    const item = existing(site, request.params.id);
    const { name, details } = ofType(site, body(ItemBody, request));
    Object.assign(item, { name, details, updatedAt: Date.now() });
    store.touch();
    return reply.code(201).send(showItem(item));
  });
}

function existing(site: Site, id: string): ContentItem {
  const item = site.items.find((candidate) => candidate.id === id);
  if (!item) throw notFound();
  return item;
}

function ofType<Wanted extends { contentTypeId: string }>(site: Site, wanted: Wanted): Wanted {
  if (!site.types.some(({ id }) => id === wanted.contentTypeId)) throw invalid('contentTypeId: there is no such content type');
  return wanted;
}

function showType({ id, name, createdAt, updatedAt }: Content) {
  return { id, name, createdAt: new Date(createdAt).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
}

function showItem(item: ContentItem) {
  return { ...showType(item), contentTypeId: item.contentTypeId, details: item.details };
}

/** How the apps of the sandbox name themselves; whatever else asks is nobody's traffic. */
function appOf(request: FastifyRequest): string {
  return /^site-app\/\S+ \((.+)\)$/.exec(request.headers['user-agent'] ?? '')?.[1] ?? '';
}
