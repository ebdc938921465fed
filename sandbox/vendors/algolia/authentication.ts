/**
 * Owns the question who calls a host and what that one may do there, with the 403 texts by which
 * clients tell a dead key from a limited one (algolia/api-clients-automation, `MethodNotAllowed`;
 * the tests of Algolia's clients). Texts about referrers and sources are assumed.
 */
import { BlockList, isIPv4 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { type ApiKey, type Application, type KeyRights, Refused } from './application.js';
import { readSecuredKey } from './secured-keys.js';
import { isLive, knownAt } from './spread.js';

export interface Caller {
  /** The key, or the parent of a secured one. */
  readonly key: ApiKey;
  readonly rights: KeyRights;
  readonly secured: boolean;
  mustHave(acl: string): void;
  mustReach(index: string): void;
}

const HOUR = 3_600_000;

export class Authentication {
  /**
   * Calls of the last hour, per key and address; each server counts for itself ("API key
   * restrictions").
   */
  readonly #calls = new Map<string, number[]>();

  constructor(
    private readonly application: Application,
    private readonly host: number,
  ) {}

  /**
   * The value that a request shows. Programs send it in a header, browsers in the query, so that no
   * preflight is needed.
   */
  presented(request: FastifyRequest): string {
    return this.#said(request, 'x-algolia-api-key');
  }

  /** Throws 403 unless this host knows the key, and what limits it lets this request through. */
  caller(request: FastifyRequest): Caller {
    const value = this.presented(request);
    const found = this.#find(value);
    if (this.#said(request, 'x-algolia-application-id') !== this.application.state.appId || !found)
      throw new Refused('Invalid Application-ID or API key', 403);

    const { key, rights, restrictions } = found;
    const until = restrictions?.get('validUntil');
    if (until && Date.now() / 1000 > Number(until)) throw new Refused('The secured API key has expired (validUntil)', 403);
    const patterns = rights.referers.filter((pattern) => pattern !== '');
    if (patterns.length > 0 && !patterns.some((pattern) => matches(pattern, request.headers.referer ?? '')))
      throw new Refused('Referer not allowed with this API key', 403);
    for (const parameters of [new URLSearchParams(rights.queryParameters), restrictions]) {
      if (!allowsSource(parameters?.get('restrictSources'), request.ip))
        throw new Refused('IP not allowed with this API key', 403);
    }
    this.#countCall(key, rights, request.ip);
    this.application.used(key);
    const reachable = [rights.indexes, restrictions?.get('restrictIndices')?.split(',') ?? []];
    return {
      key,
      rights,
      secured: restrictions !== null,
      mustHave: (acl) => {
        const has = key.admin || (rights.acl.includes(acl) && (restrictions === null || acl === 'search'));
        if (!has) throw new Refused('Method not allowed with this API key', 403);
      },
      mustReach: (index) => {
        if (!reachable.every((list) => list.length === 0 || list.some((pattern) => matches(pattern, index))))
          throw new Refused('Index not allowed with this API key', 403);
      },
    };
  }

  #find(value: string): { key: ApiKey; rights: KeyRights; restrictions: URLSearchParams | null } | undefined {
    const key = this.application.byValue(value);
    const known = key && knownAt(key, this.host);
    if (key && isLive(known)) return { key, rights: known.rights, restrictions: null };
    const secured = readSecuredKey(value);
    if (!secured) return undefined;
    const parent = this.application.at(this.host).find((candidate) => !candidate.admin && secured.isOf(candidate.value));
    return parent && { key: parent, rights: knownAt(parent, this.host)!.rights, restrictions: secured.restrictions };
  }

  #countCall(key: ApiKey, { maxQueriesPerIPPerHour: most }: KeyRights, ip: string): void {
    if (most === 0) return;
    const who = `${key.value} ${ip}`;
    const calls = [...(this.#calls.get(who) ?? []).filter((at) => at > Date.now() - HOUR), Date.now()];
    this.#calls.set(who, calls);
    if (calls.length > most) throw new Refused('Too many requests for this API key from your IP address', 429);
  }

  #said(request: FastifyRequest, name: string): string {
    const header = request.headers[name];
    return typeof header === 'string' ? header : ((request.query as Record<string, string>)[name] ?? '');
  }
}

/** Patterns with `*` at either end, as in "API key restrictions". */
function matches(pattern: string, text: string): boolean {
  const inner = pattern.replace(/^\*|\*$/g, '');
  if (pattern.startsWith('*') && pattern.endsWith('*')) return text.includes(inner);
  if (pattern.startsWith('*')) return text.endsWith(inner);
  return pattern.endsWith('*') ? text.startsWith(inner) : text === inner;
}

/**
 * `restrictSources` is one address or one range; a key that would exclude its own maker cannot be
 * made.
 */
export function allowsSource(source: string | null | undefined, ip: string): boolean {
  if (!source) return true;
  const [address = '', bits = '32'] = source.split('/');
  if (!isIPv4(address)) return false;
  const range = new BlockList();
  range.addSubnet(address, Number(bits));
  return range.check(ip);
}
