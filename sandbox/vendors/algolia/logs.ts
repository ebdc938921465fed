/**
 * Owns the log that each server keeps of its latest requests, keys cut to three characters:
 * `specs/search/paths/advanced/getLogs.yml`.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Refused } from './application.js';
import type { Authentication } from './authentication.js';

/** Entries that a server keeps, and the most that one call shows. */
const KEPT = 1_000;

const Wanted = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  length: z.coerce.number().int().min(0).max(KEPT).default(10),
});

export function serveLogs(app: FastifyInstance, authentication: Authentication): void {
  const entries: object[] = [];

  // Before the reply goes out: whoever has it finds its request in the log, in the order of the
  // replies.
  app.addHook('onSend', async (request, reply) => {
    // Reading the log is the one request that does not appear in it.
    if (request.url.startsWith('/1/logs')) return;
    entries.unshift(entryOf(request, reply.statusCode, authentication.presented(request)));
    entries.length = Math.min(entries.length, KEPT);
  });

  app.get('/1/logs', async (request) => {
    authentication.caller(request).mustHave('logs');
    const wanted = Wanted.safeParse(request.query);
    if (!wanted.success) throw new Refused(z.prettifyError(wanted.error));
    const { offset, length } = wanted.data;
    return { logs: entries.slice(offset, offset + length) };
  });
}

function entryOf(request: FastifyRequest, status: number, key: string): object {
  const query = request.query as Record<string, string>;
  const headers = { ...request.headers, ...('x-algolia-api-key' in request.headers && { 'x-algolia-api-key': cut(key) }) };
  const shown = `${request.method} ${request.url} ${Date.now()}`;
  return {
    timestamp: new Date().toISOString(),
    method: request.method,
    answer_code: String(status),
    query_body: cutAll(typeof request.body === 'string' ? request.body.slice(0, 1_000) : ''),
    answer: '',
    url: cutAll(request.url.split('?', 1)[0]!),
    ip: request.ip,
    query_headers: Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    sha1: createHash('sha1').update(shown).digest('hex'),
    nb_api_calls: '1',
    processing_time_ms: '1',
    query_params: cutAll(
      new URLSearchParams({ ...query, ...('x-algolia-api-key' in query && { 'x-algolia-api-key': cut(key) }) }).toString(),
    ),
  };
}

function cut(key: string): string {
  return key.slice(0, 3) + '*'.repeat(Math.max(0, key.length - 3));
}

/** That keys in addresses are cut like those in headers is assumed. */
function cutAll(text: string): string {
  return text.replace(/[0-9a-f]{32,}/g, cut);
}
