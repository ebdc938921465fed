/**
 * Owns the rate limit of an organisation, with the headers of Datadog's "Rate Limits" page; a fixed
 * window per organisation is assumed.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Account, Refused } from './account.js';

export function limitRate(account: Account): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  let window = 0;
  let used = 0;
  return async (_request, reply) => {
    const { ratePerPeriod, periodMs } = account.state.limits;
    const now = Date.now();
    if (Math.floor(now / periodMs) !== window) {
      window = Math.floor(now / periodMs);
      used = 0;
    }
    used += 1;
    reply.headers({
      'x-ratelimit-limit': ratePerPeriod,
      'x-ratelimit-period': periodMs / 1000,
      'x-ratelimit-remaining': Math.max(0, ratePerPeriod - used),
      'x-ratelimit-reset': Math.ceil(((window + 1) * periodMs - now) / 1000),
      'x-ratelimit-name': 'api_keys',
    });
    if (used > ratePerPeriod) {
      throw new Refused(
        `Rate limit of ${ratePerPeriod} requests in ${periodMs / 1000} seconds reached. Please try again later.`,
        429,
      );
    }
  };
}
