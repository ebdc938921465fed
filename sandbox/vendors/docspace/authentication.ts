/**
 * Owns the question whose key a request to the portal carries, and what that key may
 * (ApiKeyBearerAuthHandler.cs, AuthorizationExtension.cs).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Account, ApiKey, User } from './account.js';
import { Bare } from './envelope.js';
import type { SlidingWindow } from './sliding-window.js';

export interface Caller {
  readonly key: ApiKey;
  readonly user: User;
}

/** Scopes of which a key needs one; the portal-wide ones are always enough. */
export const READ = ['*:read', '*:write'] as const;
export const WRITE = ['*:write'] as const;
export const ANY = null;
export type Scopes = readonly string[] | typeof ANY;

const MINUTE = 60_000;

export class Authentication {
  constructor(
    private readonly account: Account,
    private readonly calls: SlidingWindow,
  ) {}

  /**
   * Throws a bare 401, 429 or 403. Without the word "Bearer " the value is taken for a session's
   * cookie, which a key never is; with it, what does not look like a key is taken for a JWT.
   * Neither exists here.
   */
  caller(request: FastifyRequest, reply: FastifyReply, scopes: Scopes): Caller {
    const [, value] = /^Bearer (sk-.*)$/.exec((request.headers.authorization ?? '').trim()) ?? [];
    const key = value === undefined ? undefined : this.account.authenticate(value);
    if (!key) throw new Bare(401);
    this.#limit(key, reply);
    // A key without restriction is one with the scope to write everything.
    const has: readonly string[] = key.permissions?.length ? key.permissions : WRITE;
    if (scopes !== ANY && !scopes.some((scope) => has.includes(scope))) throw new Bare(403);
    return { key, user: this.account.userOf(key) };
  }

  #limit(key: ApiKey, reply: FastifyReply): void {
    const { callsPerMinute } = this.account.state.limits;
    const { wait, remaining } = this.calls.enter(key.createBy, callsPerMinute, MINUTE);
    reply.headers({ 'x-ratelimit-limit': callsPerMinute, 'x-ratelimit-remaining': remaining });
    if (wait > 0) tooMany(reply, wait);
  }
}

/** The body of a 429 is not published, so there is none. */
export function tooMany(reply: FastifyReply, wait: number): never {
  reply.header('retry-after', Math.ceil(wait / 1000));
  throw new Bare(429);
}
