/**
 * Owns what rekey.yaml may say about programs behind a receiver of signed webhooks. It talks to
 * nobody.
 */
import { z } from 'zod';
import type { HostConfig, Reference } from '../../../ports/connector.js';
import { baseUrl, duration, isOpenToReaders } from '../../http/settings.js';

export interface WebhookSettings {
  readonly url: string;
  readonly management: { readonly signingKey: Reference };
  readonly timing: { readonly request: number; readonly settle: number };
}

/**
 * A receiver restarts the program before it answers. What it had begun when we gave up can land a
 * little later.
 */
const ownTiming = { request: 60_000, settle: 30_000 };

const settings: z.ZodType<WebhookSettings> = z
  .strictObject({
    // The body holds the key, so nobody may read it on the way; only this machine's own loopback
    // has no way.
    url: baseUrl.refine((url) => !URL.canParse(url) || !isOpenToReaders(url), 'expected https, or http to this machine alone'),
    management: z.strictObject({ signingKey: z.string() }),
    timing: z.strictObject({ request: duration.optional(), settle: duration.optional() }).default({}),
  })
  .transform(({ timing, ...rest }) => ({
    ...rest,
    timing: { request: timing.request ?? ownTiming.request, settle: timing.settle ?? ownTiming.settle },
  }));

export interface WebhookConsumer {
  /** How the receiver calls the program; its name where nothing is said. */
  readonly target?: string | undefined;
}

/** It changes nothing that it parses, so that a consumer can be parsed anew wherever it is used. */
export const consumer: z.ZodType<WebhookConsumer> = z.strictObject({ target: z.string().min(1).max(200).optional() });

export const config: HostConfig<WebhookSettings> = { kind: 'webhook', settings, consumer, findsConsumers: false };
