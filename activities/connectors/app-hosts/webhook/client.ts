/**
 * Owns the four requests that a receiver understands, all posted to one address;
 * docs/webhook-receiver.md is their other side.
 */
import { z } from 'zod';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import type { Secret } from '../../../ports/secret.js';
import { HttpClient, type Reply } from '../../http/client.js';
import type { WebhookSettings } from './config.js';
import { faultText, fenced, webhookFaults } from './errors.js';
import { signatureHeaders } from './signature.js';

const fingerprint = z.string().regex(/^[a-z2-7]{12}$/);

/** What a receiver shows of a program. Keys stand in it as fingerprints only. */
const shown = z.object({
  state: z.enum(['running', 'stopped', 'starting', 'stopping', 'failing']),
  healthy: z.boolean(),
  /** What a new instance would start with; null where it holds none. */
  source: fingerprint.nullable(),
  instances: z.array(
    z.object({
      id: z.string().min(1).max(200),
      fingerprint: fingerprint.nullable(),
      evidence: z.enum(['uses', 'loaded', 'rolled-out']),
    }),
  ),
  detail: z.string().default(''),
  authenticationFailed: z.boolean().default(false),
});
export type Shown = z.infer<typeof shown>;

const identified = z.object({ identity: z.string().min(1).max(200) });

export interface Delivered {
  readonly consumer: string;
  readonly ledger: string;
  readonly fence: number;
  readonly generation: number;
  readonly secret: Secret;
}

export class WebhookClient {
  readonly #http: HttpClient;
  readonly #path: string;

  constructor(
    private readonly settings: WebhookSettings,
    private readonly context: ConnectorContext,
  ) {
    const url = new URL(settings.url);
    this.#path = url.pathname;
    this.#http = new HttpClient({
      label: context.name,
      baseUrl: url.origin,
      userAgent: context.userAgent,
      deadline: settings.timing.request,
      faults: webhookFaults,
      faultText,
    });
  }

  async identity(id: string, signal: AbortSignal): Promise<string> {
    const reply = await this.#post('observe', { type: 'identify' }, id, [200], signal);
    return reply.read(identified).identity;
  }

  /** Null where the receiver knows no such program. */
  async inspect(consumer: string, id: string, signal: AbortSignal): Promise<Shown | null> {
    const reply = await this.#post('observe', { type: 'inspect', consumer }, id, [200, 404], signal);
    return reply.status === 404 ? null : reply.read(shown);
  }

  async deliver(delivered: Delivered, id: string, signal: AbortSignal): Promise<void> {
    const reply = await this.#post('effect', { type: 'deliver', ...delivered }, id, [200, 204, 409], signal);
    if (reply.status !== 409) return;
    const { fence } = reply.read(fenced);
    throw new RekeyError(
      'KR_HOST_FENCED',
      `${this.context.name} has seen hand-out ${fence} for ${delivered.consumer}, this is ${delivered.fence}`,
      undefined,
      fence,
    );
  }

  async apply(consumer: string, id: string, signal: AbortSignal): Promise<void> {
    await this.#post('effect', { type: 'apply', consumer }, id, [200, 204], signal);
  }

  async #post(
    kind: 'observe' | 'effect',
    body: { readonly type: string; readonly consumer?: string },
    id: string,
    answers: readonly number[],
    signal: AbortSignal,
  ): Promise<Reply> {
    const key = await this.context.resolve(this.settings.management.signingKey);
    return this.#http[kind](
      {
        title: body.consumer === undefined ? body.type : `${body.type} ${body.consumer}`,
        method: 'POST',
        path: this.#path,
        body,
        headersFor: (text) => signatureHeaders(key, id, new Date(), text),
        secrets: [key],
        answers,
        emptyAnswers: kind === 'effect' ? [200] : [],
      },
      signal,
    );
  }
}
