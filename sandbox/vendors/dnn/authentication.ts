/**
 * Owns who is let in by a bearer: an API key, to the content of its site and as far as its toggles
 * go; the token of a host's browser session, to the keys of the site that the host is on. A key is
 * refused where a token is needed (samples, `AI.Vision/README.md`, says so of webhooks); that
 * `/ApiKeys` is such a place, and that a token stands for one site, is assumed.
 */
import type { FastifyRequest } from 'fastify';
import type { Durable } from '../../durable.js';
import { denied } from './refused.js';
import { type DnnState, type Permission, present, type Site } from './state.js';

export class Authentication {
  constructor(private readonly store: Durable<DnnState>) {}

  /** The site whose content the request may see or change. */
  siteByKey(request: FastifyRequest, right: Permission): Site {
    const value = bearer(request);
    const key = this.store.value.keys.find((candidate) => !candidate.deleted && present(candidate).value === value);
    if (!key || !isAllowed(key.permissions, right)) throw denied();
    present(key).lastUsedAt = Date.now();
    this.store.touch();
    return this.store.value.sites.find(({ name }) => name === key.site)!;
  }

  siteOfHost(request: FastifyRequest): Site {
    const token = bearer(request);
    const site = this.store.value.sites.find((candidate) => candidate.token === token);
    if (!site) throw denied();
    return site;
  }
}

/** The toggle is called "Read/Write …", so writing includes reading. */
function isAllowed(permissions: readonly Permission[], right: Permission): boolean {
  return permissions.includes(right) || permissions.includes(right.replace(/:read$/, ':write') as Permission);
}

function bearer(request: FastifyRequest): string | undefined {
  return /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
}
