/**
 * Owns the form of a DocSpace answer (ResponseWrapper.cs, CommonApiResponse.cs): an envelope around
 * success and fault, and nothing at all where the framework itself refuses.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** Answered by the framework before any controller runs: a bare status. */
export class Bare extends Error {
  constructor(readonly statusCode: number) {
    super('');
  }
}

/**
 * An exception of a controller, mapped to a status: argument 400, security 403, not found 404,
 * anything unexpected 500.
 */
export class Fault extends Error {
  constructor(
    readonly statusCode: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A body that does not pass its model comes in the envelope of a success, with the status of a
 * failure.
 */
export class Invalid extends Error {
  readonly statusCode = 400;

  constructor(readonly errors: Readonly<Record<string, readonly string[]>>) {
    super('One or more validation errors occurred.');
  }
}

export function success(request: FastifyRequest, response: unknown) {
  return {
    response,
    count: Array.isArray(response) ? response.length : 1,
    links: [{ href: `http://${request.headers.host}${request.url}`, action: request.method }],
    status: 0,
    statusCode: 200,
  };
}

export function answerFault(error: FastifyError | Bare | Fault | Invalid, request: FastifyRequest, reply: FastifyReply) {
  if (error instanceof Bare) return reply.code(error.statusCode).send();
  if (error instanceof Invalid) {
    const problem = { title: error.message, status: 400, errors: error.errors };
    return reply.code(400).send({ ...success(request, problem), status: 1, statusCode: 400 });
  }
  const statusCode = error.statusCode ?? 500;
  return reply.code(statusCode).send({ status: 1, statusCode, error: { message: error.message, hresult: 0 } });
}
