/**
 * Owns the HTTP client of all connectors: JSON in and out, one try, a bounded answer, and faults
 * that say whether something may have happened.
 */
import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { within } from '../../ports/deadline.js';
import { Secret } from '../../ports/secret.js';
import { ExchangeFailed, exchange, type Incoming } from './exchange.js';
import { type CallKind, type FaultCodes, lost, refused } from './faults.js';
import { type Headers, retryAfter, single } from './retry-after.js';
import { scrub } from './scrub.js';

export interface HttpClientOptions {
  /** How people call the other side: the name of the store or host in rekey.yaml. */
  readonly label: string;
  readonly baseUrl: string;
  /** `rekey/<version> (<host>; <pid>)`. */
  readonly userAgent: string;
  /** Milliseconds for one exchange; the caller's signal may end it earlier. */
  readonly deadline: number;
  readonly faults: FaultCodes;
  /** The vendor's own words in a fault body. They are scrubbed before anybody sees them. */
  readonly faultText: (body: unknown) => string | null;
  /** The fault of a status where the vendor means something else by it than HTTP does. */
  readonly faultOf?: (status: number, text: string) => keyof FaultCodes | null;
  /**
   * Statuses that are the vendor's own even without a JSON body. All others are believed only with
   * one: a proxy knows 403 and 404 too.
   */
  readonly bareStatuses?: readonly number[];
  /** Headers that say how long to wait; `retry-after` where none are named. */
  readonly waitHeaders?: readonly string[];
}

export interface Call {
  /** What is being done, for people: "create a key". */
  readonly title: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base URL; made with `path`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  /** Headers that depend on the body as it is sent, such as its signature. */
  readonly headersFor?: (body: string) => Readonly<Record<string, string>>;
  /** Sent as JSON; a `Secret` in it is revealed on the wire only. */
  readonly body?: unknown;
  /** Secrets from which headers or body were derived, to be recognised in whatever comes back. */
  readonly secrets?: readonly Secret[];
  /** The statuses that are answers; every other is a fault. */
  readonly answers: readonly number[];
  /** Statuses whose answer may be empty, 204 aside. */
  readonly emptyAnswers?: readonly number[];
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined where the answer is empty. */
  readonly body: unknown;
  /** The body by its schema; a body that does not fit is a fault like a cut one. */
  read<T>(schema: z.ZodType<T>): T;
}

const maxBytes = 8 * 1024 * 1024;

export class HttpClient {
  readonly #base: URL;

  constructor(private readonly options: HttpClientOptions) {
    this.#base = new URL(options.baseUrl);
  }

  /** A call that only looks. Cut off, unreadable or 5xx: unavailable, so look again. */
  observe(call: Call, signal: AbortSignal): Promise<Reply> {
    return this.#send('observation', call, signal);
  }

  /**
   * A call that changes something, sent once. Unless it certainly never left, or was refused by the
   * vendor itself, what it did is unclear.
   */
  effect(call: Call, signal: AbortSignal): Promise<Reply> {
    return this.#send('effect', call, signal);
  }

  async #send(kind: CallKind, call: Call, signal: AbortSignal): Promise<Reply> {
    const secrets = [...(call.secrets ?? [])];
    const body = call.body === undefined ? null : serialise(call.body, secrets);
    const headers = this.#headers(call, body, secrets);
    const fault = (text: string, sent = true, wait?: number) =>
      lost(this.options.faults, kind, sent, this.#detail(call, text), wait);

    let incoming: Incoming;
    try {
      incoming = await exchange(
        {
          origin: this.#base.origin,
          path: this.#path(call),
          method: call.method,
          headers,
          body,
          ownConnection: kind === 'effect',
          maxBytes,
        },
        within(signal, this.options.deadline),
      );
    } catch (error) {
      if (error instanceof ExchangeFailed) throw fault(error.message, error.sent);
      throw error;
    }
    return this.#judge(kind, call, incoming, secrets, fault);
  }

  #judge(
    kind: CallKind,
    call: Call,
    incoming: Incoming,
    secrets: readonly Secret[],
    fault: (text: string, sent?: boolean, wait?: number) => RekeyError,
  ): Reply {
    const { status, headers } = incoming;
    const wait = retryAfter(headers, this.options.waitHeaders ?? ['retry-after']);
    const content = readContent(incoming);
    const said = `${status} ${STATUS_CODES[status] ?? ''}`.trim();

    if (call.answers.includes(status)) {
      if (content.kind === 'json')
        return reply(status, headers, content.body, (path) =>
          fault(scrub(`${said}, but the answer lacks what it must hold: ${path}`, secrets)),
        );
      const mayBeEmpty = status === 204 || (call.emptyAnswers ?? []).includes(status);
      const believed = (content.kind === 'empty' && mayBeEmpty) || (this.options.bareStatuses ?? []).includes(status);
      if (believed) return reply(status, headers, undefined, (path) => fault(`${said}, but the answer lacks ${path}`));
      throw fault(`${said}, but ${content.problem}`, true, wait);
    }
    if (status >= 300 && status < 400)
      throw fault(`${said}: it sends us elsewhere, where the management credential must not follow`, true, wait);
    if (status < 300) throw fault(`${said}, which this call never answers`, true, wait);

    const own = content.kind === 'json' || status === 429 || status >= 500 || (this.options.bareStatuses ?? []).includes(status);
    if (!own) throw fault(`${said}, but ${content.problem}: it is taken for a proxy's`, true, wait);

    const text = content.kind === 'json' ? scrub(this.options.faultText(content.body) ?? '', secrets) : '';
    const detail = this.#detail(call, text === '' ? said : `${said}: ${text}`);
    const meant = this.options.faultOf?.(status, text);
    throw meant
      ? new RekeyError(this.options.faults[meant], detail, wait)
      : refused(this.options.faults, kind, status, detail, wait);
  }

  #detail(call: Call, text: string): string {
    return `${this.options.label}: ${call.title}: ${text}`;
  }

  #path(call: Call): string {
    const query = new URLSearchParams(call.query).toString();
    return `${this.#base.pathname.replace(/\/$/, '')}${call.path}${query === '' ? '' : `?${query}`}`;
  }

  #headers(call: Call, body: string | null, secrets: Secret[]): Record<string, string> {
    const headers: Record<string, string> = { 'user-agent': this.options.userAgent, accept: 'application/json' };
    if (body !== null) Object.assign(headers, { 'content-type': 'application/json' }, call.headersFor?.(body));
    for (const [name, value] of Object.entries(call.headers ?? {})) {
      headers[name] = value instanceof Secret ? value.reveal() : value;
      if (value instanceof Secret) secrets.push(value);
    }
    return headers;
  }
}

type Content = { readonly kind: 'json'; readonly body: unknown } | { readonly kind: 'empty' | 'other'; readonly problem: string };

function readContent({ headers, body }: Incoming): Content {
  if (body.length === 0) return { kind: 'empty', problem: 'the answer is empty' };
  const type = (single(headers['content-type']) ?? '').split(';')[0]!.trim().toLowerCase();
  if (type === 'text/html') return { kind: 'other', problem: 'the answer is a web page' };
  if (type !== 'application/json' && !type.endsWith('+json'))
    return { kind: 'other', problem: 'the answer is not JSON by its content type' };
  try {
    return { kind: 'json', body: JSON.parse(body.toString('utf8')) };
  } catch {
    // The parser's message quotes the body, so it is not shown.
    return { kind: 'other', problem: 'the answer is not complete JSON' };
  }
}

function reply(status: number, headers: Headers, body: unknown, misfit: (path: string) => RekeyError): Reply {
  return {
    status,
    headers,
    body,
    read(schema) {
      const result = schema.safeParse(body);
      if (result.success) return result.data;
      throw misfit(result.error.issues[0]?.path.join('.') || 'anything');
    },
  };
}

/**
 * JSON of a body whose secrets show themselves here and nowhere else; `Secret.toJSON` would send
 * its mask.
 */
function serialise(body: unknown, secrets: Secret[]): string {
  return JSON.stringify(body, function (this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key];
    if (!(raw instanceof Secret)) return value;
    secrets.push(raw);
    return raw.reveal();
  });
}
