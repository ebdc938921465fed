/**
 * Owns the question whether a Datadog front end accepts a request's keys, and the calls that answer
 * nothing but that.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Account, type ApiKey, Refused, WELL_FORMED } from './account.js';
import { type Balancer, type Knowledge, knowledge } from './front-ends.js';

export interface Presented {
  readonly value: string;
  readonly key: ApiKey | undefined;
  /** What the front end that got the request knows of the key. */
  readonly knowledge: Knowledge;
}

export class Authentication {
  constructor(
    private readonly account: Account,
    private readonly balancer: Balancer,
  ) {}

  /**
   * The key of a request as one front end sees it. Agents send it in the query, clients in a
   * header.
   */
  presented(request: FastifyRequest): Presented {
    const value = header(request, 'dd-api-key') ?? (request.query as Record<string, string>).api_key ?? '';
    const key = this.account.byValue(value);
    const frontEnd = this.balancer.pick(`${request.socket.localPort} ${request.headers['user-agent']}`);
    return { value, key, knowledge: key ? knowledge(key, frontEnd) : 'unknown' };
  }

  /**
   * The key if the front end accepts it. That every accepted request moves the last use, a
   * validation too, is assumed.
   */
  apiKey(request: FastifyRequest): ApiKey {
    const { value, key, knowledge } = this.presented(request);
    if (value === '') throw new Refused('API key required', 403);
    if (!key || knowledge !== 'live' || !WELL_FORMED.test(value)) throw new Refused('Forbidden', 403);
    this.account.used(key);
    return key;
  }

  /** Management needs both keys. */
  bothKeys(request: FastifyRequest): ApiKey {
    const key = this.apiKey(request);
    if (header(request, 'dd-application-key') !== this.account.state.applicationKey) throw new Refused('Forbidden', 403);
    return key;
  }
}

/**
 * `validate` as described by Datadog's API reference (Authentication) and its official client (v2,
 * marked unstable).
 */
export function serveValidation(app: FastifyInstance, account: Account, authentication: Authentication): void {
  app.get('/api/v1/validate', async (request) => {
    authentication.apiKey(request);
    return { valid: true };
  });

  app.get('/api/v2/validate', async (request) => {
    const key = authentication.apiKey(request);
    return {
      data: { id: account.state.orgId, type: 'validate_v2', attributes: { valid: true, api_key_id: key.id, api_key_scopes: [] } },
    };
  });

  app.get('/api/v2/validate_keys', async (request) => {
    authentication.bothKeys(request);
    return { status: 'ok' };
  });
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
