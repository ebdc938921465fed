/**
 * Owns searching and indexing, as far as an answer needs no index, and the truth about what the
 * apps send. Shapes: `algoliasearch` 5.64.0.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Traffic } from '../../traffic.js';
import { Refused } from './application.js';
import type { Authentication, Caller } from './authentication.js';
import { parse } from './key-management.js';
import { isLive } from './spread.js';

interface OfIndex {
  Params: { index: string };
}

const Query = z.object({ query: z.string().optional(), hitsPerPage: z.int().min(0).optional(), params: z.string().optional() });
const Queries = z.object({ requests: z.array(Query.extend({ indexName: z.string() })) });
const Batch = z.object({ requests: z.array(z.object({ action: z.string(), body: z.record(z.string(), z.unknown()) })) });

const ACTIONS: Readonly<Record<string, string>> = { deleteObject: 'deleteObject', delete: 'deleteIndex', clear: 'deleteIndex' };

export function serveIndexes(app: FastifyInstance, authentication: Authentication, traffic: Traffic): void {
  /**
   * Counts before it answers: with a key that is dead it is lost, whatever a host that has not
   * heard of it yet may say.
   */
  const serve = async (request: FastifyRequest, work: (caller: Caller) => object): Promise<object> => {
    const names = appsOf(request);
    const count = (alive: boolean) => {
      for (const name of names)
        traffic.count(name, 'sent', ...(alive ? (['accepted'] as const) : (['refused', 'lost'] as const)));
    };
    try {
      const caller = authentication.caller(request);
      const answer = work(caller);
      count(isLive(caller.key.history.at(-1)));
      return answer;
    } catch (error) {
      if (error instanceof Refused) count(false);
      throw error;
    }
  };

  app.post<OfIndex>('/1/indexes/:index/query', (request) =>
    serve(request, (caller) => search(caller, request.params.index, check(Query, request))),
  );

  app.post('/1/indexes/:index/queries', (request) =>
    serve(request, (caller) => ({ results: check(Queries, request).requests.map((one) => search(caller, one.indexName, one)) })),
  );

  app.post<OfIndex>('/1/indexes/:index/batch', (request) =>
    serve(request, (caller) => {
      const { requests } = check(Batch, request);
      for (const { action } of requests) caller.mustHave(ACTIONS[action] ?? 'addObject');
      caller.mustReach(request.params.index);
      const taskID = Date.now();
      return { taskID, objectIDs: requests.map(({ body }, at) => String(body.objectID ?? `${taskID}-${at}`)) };
    }),
  );
}

function search(caller: Caller, index: string, { query = '', hitsPerPage, params }: z.infer<typeof Query>) {
  caller.mustHave('search');
  caller.mustReach(index);
  const most = caller.rights.maxHitsPerQuery || 1_000;
  const asked = hitsPerPage ?? Number(new URLSearchParams(params).get('hitsPerPage') ?? 20);
  return {
    hits: [],
    nbHits: 0,
    page: 0,
    nbPages: 0,
    hitsPerPage: Math.min(asked, most),
    exhaustiveNbHits: true,
    processingTimeMS: 1,
    query,
    params: params ?? '',
    index,
  };
}

/**
 * Programs add their name to what the client says of itself (`addAlgoliaAgent`), in a header or in
 * the query.
 */
function appsOf(request: FastifyRequest): string[] {
  const header = request.headers['x-algolia-agent'];
  const said = typeof header === 'string' ? header : ((request.query as Record<string, string>)['x-algolia-agent'] ?? '');
  return said.split(';').map((part) => part.trim().split(' ')[0]!);
}

function check<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  const result = schema.safeParse(parse(request.body));
  if (!result.success) throw new Refused(z.prettifyError(result.error));
  return result.data;
}
