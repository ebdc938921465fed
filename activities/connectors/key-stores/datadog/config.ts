/** Owns what rekey.yaml may say about a Datadog organisation and its keys. */
import { z } from 'zod';
import type { StoreConfig } from '../../../ports/connector.js';
import { baseUrl, commonAssumptions, requireAccepted, type Timing, timing, withDefaults } from '../../http/settings.js';

/**
 * The servers of the official client, `@datadog/datadog-api-client` 1.64.0; a newer site can be
 * given as `url`.
 */
const sites = [
  'datadoghq.com',
  'us3.datadoghq.com',
  'us5.datadoghq.com',
  'ap1.datadoghq.com',
  'ap2.datadoghq.com',
  'uk1.datadoghq.com',
  'datadoghq.eu',
  'ddog-gov.com',
  'us2.ddog-gov.com',
] as const;

/**
 * Datadog documents "a few seconds" for a key to spread and that last use is not real time
 * (account_management/api-app-keys); the numbers are ours, on the long side, and may be raised.
 */
const ownTiming: Timing = { request: 10_000, settle: 30_000, propagation: 60_000, lastUsedLag: 24 * 3_600_000 };

export interface DatadogSettings {
  readonly url: string;
  /** The endpoints at which a key must be accepted. */
  readonly endpoints: readonly string[];
  readonly management: { readonly apiKey: string; readonly applicationKey: string };
  /**
   * The organisation's UUID: what `GET /api/v2/validate`, which Datadog calls unstable, must show,
   * or stand in for if it is gone.
   */
  readonly organisation: string | null;
  readonly timing: Timing;
  readonly accept: readonly string[];
}

const reference = z.string().min(1);

const settings: z.ZodType<DatadogSettings> = z
  .strictObject({
    site: z.enum(sites).optional(),
    url: baseUrl.optional(),
    endpoints: z.array(baseUrl).min(1).optional(),
    management: z.strictObject({ apiKey: reference, applicationKey: reference }),
    organisation: z.uuid().optional(),
    timing,
    accept: z.array(z.enum(Object.keys(commonAssumptions) as (keyof typeof commonAssumptions)[])).default([]),
  })
  .transform((given, context): DatadogSettings => {
    const complain = (path: string, message: string): void => void context.addIssue({ code: 'custom', path: [path], message });

    if ((given.site === undefined) === (given.url === undefined)) complain('site', 'expected one of `site` and `url`');
    const url = given.url ?? `https://api.${given.site}`;
    const endpoints = given.endpoints ?? [url];
    requireAccepted(context, given, { name: 'Datadog', timing: ownTiming, addresses: [url, ...endpoints] });
    return {
      url,
      endpoints,
      management: given.management,
      organisation: given.organisation ?? null,
      timing: withDefaults(given.timing, ownTiming),
      accept: given.accept,
    };
  });

/**
 * In Datadog's terms: category and remote configuration are rights of a key, the name is only for
 * people.
 */
export interface DatadogAttributes {
  readonly name: string;
  readonly category?: string | undefined;
  readonly remoteConfigReadEnabled?: boolean | undefined;
}

/** Datadog documents no longest name; a tag and a space come behind ours. */
export const longestName = 128;

export const attributes: z.ZodType<DatadogAttributes> = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(longestName - 31),
  category: z.string().min(1).optional(),
  remoteConfigReadEnabled: z.boolean().optional(),
});

export const config: StoreConfig<DatadogSettings> = {
  kind: 'datadog',
  settings,
  attributes,
  strategies: ['overlap'],
  assumptions: commonAssumptions,
};
