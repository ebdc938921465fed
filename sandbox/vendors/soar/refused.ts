/** Owns how SOAR says no: one JSON shape for all, as recorded from a 51.0 server. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

const MESSAGES: Readonly<Record<number, string>> = { 401: 'Unauthorized', 403: 'Forbidden' };

export class Refused extends Error {
  constructor(
    readonly statusCode: number,
    message = MESSAGES[statusCode] ?? 'An error occurred',
  ) {
    super(message);
  }
}

/**
 * The text of a 404 is recorded; the statuses 400 for a bad body and 500 for anything else are
 * assumed.
 */
export function unableToFind(what: string, id: string): Refused {
  return new Refused(404, `Unable to find ${what} with ID ${id}`);
}

export function body<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  let value: unknown;
  try {
    value = JSON.parse(typeof request.body === 'string' ? request.body : '');
  } catch {
    throw new Refused(400, 'The request body is not valid JSON');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new Refused(400, z.prettifyError(result.error));
  return result.data;
}

export function answerRefused(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .code(error.statusCode ?? 500)
    .send({ success: false, title: null, message: error.message, hints: [], error_code: 'generic' });
}
