/**
 * Owns one exchange with a server on undici: whether the request left this process is known, not
 * guessed from the error that follows.
 */
import { Agent, type Dispatcher } from 'undici';
import type { Headers } from './retry-after.js';

export interface Outgoing {
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /**
   * An effect gets a connection of its own: a reset on one that was idle says nothing about the
   * request that met it.
   */
  readonly ownConnection: boolean;
  readonly maxBytes: number;
}

export interface Incoming {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/**
 * No complete answer came. `sent` is false only if not a single byte of the request was handed to a
 * connection.
 */
export class ExchangeFailed extends Error {
  override readonly name = 'ExchangeFailed';

  constructor(
    readonly sent: boolean,
    message: string,
  ) {
    super(message);
  }
}

// The caller's signal is the one deadline, so undici's own are off. Answers of one connection are
// never mixed up: pipelining stays at 1.
const common = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 60_000 } } as const;
const shared = new Agent({ ...common, pipelining: 1, keepAliveTimeout: 4_000, connections: 8 });
const fresh = new Agent({ ...common, pipelining: 0 });

export function exchange(request: Outgoing, signal: AbortSignal): Promise<Incoming> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: { status: number; headers: Headers } | null = null;
    let size = 0;
    let sent = false;
    let controller: Dispatcher.DispatchController | null = null;

    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const fail = (message: string): void => end(() => reject(new ExchangeFailed(sent, message)));
    const onAbort = (): void => {
      const late = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
      fail(late ? 'no complete answer within the deadline' : 'cancelled');
      controller?.abort(new Error('aborted'));
    };

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });

    (request.ownConnection ? fresh : shared).dispatch(
      { origin: request.origin, path: request.path, method: request.method, headers: request.headers, body: request.body },
      {
        // Called when a connection stands, just before the request is written to it.
        onRequestStart(started) {
          controller = started;
          if (signal.aborted) started.abort(new Error('aborted'));
          else sent = true;
        },
        onResponseStart(_, status, headers) {
          if (status >= 200) head = { status, headers };
        },
        onResponseData(running, chunk) {
          size += chunk.length;
          if (size <= request.maxBytes) return void chunks.push(chunk);
          fail(`the answer is longer than ${request.maxBytes} bytes`);
          running.abort(new Error('too long'));
        },
        onResponseEnd() {
          end(() => (head ? resolve({ ...head, body: Buffer.concat(chunks) }) : reject(new ExchangeFailed(sent, 'no answer'))));
        },
        onResponseError(_, error) {
          fail(reasonOf(error));
        },
      },
    );
  });
}

/** Node's own messages may hold addresses and bytes; its codes hold neither. */
function reasonOf(error: Error): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const code: unknown = inner instanceof Error && 'code' in inner ? inner.code : undefined;
  if (typeof code !== 'string') return 'the connection failed';
  return `${explained[code] ?? 'the connection failed'} (${code})`;
}

const explained: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens at this address',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer was cut',
  UND_ERR_INVALID_ARG: 'the request cannot be written, most likely because a secret holds a line break',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};
