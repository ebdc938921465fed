/**
 * Owns how DNN's content service says no, as its samples show it: one 401 for a dead and for a weak
 * key, and the shape of a 422.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

export class Refused extends Error {
  constructor(
    readonly statusCode: number,
    readonly body: object,
  ) {
    super(String(statusCode));
  }
}

/**
 * An unknown key, a deleted one, and one that may not do this: nobody can tell them apart (samples,
 * `APIExplorer/docs/images/get-401`, `post-401`).
 */
export const denied = (): Refused => new Refused(401, { message: 'Authorization has been denied for this request.' });

/** That an unknown id is a 404 is documented, its body is assumed. */
export const notFound = (): Refused => new Refused(404, { message: 'The requested resource was not found.' });

/**
 * Samples, `APIExplorer/docs/images/post-422`; that a body which is no JSON is answered so, too, is
 * assumed.
 */
export const invalid = (developerMessage: string): Refused =>
  new Refused(422, { status: 422, code: 422, developerMessage, message: 'error.422' });

export function body<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  let value: unknown;
  try {
    value = JSON.parse(typeof request.body === 'string' ? request.body : '');
  } catch {
    throw invalid('The request body is not valid JSON');
  }
  return check(schema, value);
}

export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw invalid(z.prettifyError(result.error));
  return result.data;
}

export function answerRefused(
  error: Error & { statusCode?: number },
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Refused) return reply.code(error.statusCode).send(error.body);
  return reply.code(error.statusCode ?? 500).send({ message: error.message });
}
