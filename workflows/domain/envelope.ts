/**
 * Owns the envelope that every message travels in. The codec seals it; inside, it says what the
 * message is and to which request it belongs, so that one that was captured elsewhere or earlier is
 * none.
 */

/**
 * What a message is. A call goes to an activity; an answer or a failure goes back to whoever asked.
 */
export type MessageKind = 'start' | 'update' | 'query' | 'call' | 'answer' | 'failure';

export interface Envelope {
  readonly kind: MessageKind;
  /** The workflow, update, query or activity, by its name. */
  readonly of: string;
  /** The request's own; its answer repeats it. */
  readonly nonce: string;
  readonly body: unknown;
}

/** What a receiver expects. Where it names no nonce, the message is a request of its own. */
export type Expected = Pick<Envelope, 'kind' | 'of'> & Partial<Pick<Envelope, 'nonce'>>;

export function enclose(kind: MessageKind, of: string, nonce: string, body: unknown): Envelope {
  return { kind, of, nonce, body };
}

/** Null where it is not the message that is expected; an absent one never is. */
export function open(expected: Expected, message: unknown): Envelope | null {
  if (typeof message !== 'object' || message === null) return null;
  const { kind, of, nonce } = message as Partial<Envelope>;
  if (kind !== expected.kind || of !== expected.of || typeof nonce !== 'string' || nonce === '') return null;
  return expected.nonce === undefined || expected.nonce === nonce ? (message as Envelope) : null;
}

/** The body of a failure: what stands in clear beside it must be the same. */
interface SealedFailure {
  readonly code: string | null;
  readonly message: string;
}

/** What goes along with a failure, so that whoever made the request believes it. */
export function proofOf({ of, nonce }: Pick<Envelope, 'of' | 'nonce'>, failure: SealedFailure): Envelope {
  return enclose('failure', of, nonce, failure);
}

/**
 * Whether a failure is what its sender has sealed with it. Type and retries of one travel in clear.
 */
export function isProved(
  { of, nonce }: Pick<Envelope, 'of' | 'nonce'>,
  { type, message, details }: { readonly type?: string | null; readonly message: string; readonly details?: unknown },
): boolean {
  const [sealed] = Array.isArray(details) ? (details as unknown[]) : [];
  const body = open({ kind: 'failure', of, nonce }, sealed)?.body as Partial<SealedFailure> | undefined;
  return body !== undefined && body.code === (type ?? null) && body.message === message;
}
