/**
 * Owns what rekey.yaml may say about an Algolia application and its keys, and what a person clicks
 * in its dashboard.
 */
import { z } from 'zod';
import { parseDuration } from '../../../../workflows/domain/duration.js';
import type { ManualFacts, StoreConfig } from '../../../ports/connector.js';
import { baseUrl, commonAssumptions, requireAccepted, type Timing, timing, withDefaults } from '../../http/settings.js';
import { openRights, rightsWith, widens } from './rights.js';

/**
 * Algolia says neither how long a change takes to reach all servers nor that there is a most; its
 * own client asks for up to eight minutes (`waitForApiKey`: 100 tries, at most 5 s apart). The
 * numbers are ours and may be raised.
 */
const ownTiming: Timing = { request: 10_000, settle: 30_000, propagation: 120_000, lastUsedLag: 0 };

export interface AlgoliaSettings {
  readonly appId: string;
  /** The host that keys are managed through. */
  readonly url: string;
  /** The hosts at which a key must be accepted. */
  readonly endpoints: readonly string[];
  readonly management: { readonly adminKey: string };
  readonly timing: Timing;
  readonly accept: readonly string[];
}

/**
 * `getDefaultHosts` of `@algolia/client-search` 5.64.0: clients go on to the next when one does not
 * answer, and never back on a refusal.
 */
const hostsOf = (appId: string): readonly string[] =>
  [`${appId}.algolia.net`, `${appId}-dsn.algolia.net`, ...[1, 2, 3].map((n) => `${appId}-${n}.algolianet.com`)].map(
    (host) => `https://${host.toLowerCase()}`,
  );

const settings: z.ZodType<AlgoliaSettings> = z
  .strictObject({
    appId: z.string().regex(/^[A-Za-z0-9]{4,32}$/, 'expected an application id such as "B1G2GM9NG0"'),
    url: baseUrl.optional(),
    endpoints: z.array(baseUrl).min(1).optional(),
    management: z.strictObject({ adminKey: z.string().min(1) }),
    timing,
    accept: z.array(z.enum(Object.keys(commonAssumptions) as (keyof typeof commonAssumptions)[])).default([]),
  })
  .transform((given, context): AlgoliaSettings => {
    const [url, endpoints] = [given.url ?? hostsOf(given.appId)[0]!, given.endpoints ?? hostsOf(given.appId)];
    requireAccepted(context, given, { name: 'Algolia', timing: ownTiming, addresses: [url, ...endpoints] });
    const { appId, management, accept } = given;
    return { appId, url, endpoints, management, timing: withDefaults(given.timing, ownTiming), accept };
  });

/** In Algolia's terms; a key that follows another takes over the rights of that one. */
export interface AlgoliaAttributes {
  readonly name: string;
  readonly acl?: readonly string[] | undefined;
  readonly indexes?: readonly string[] | undefined;
  readonly maxHitsPerQuery?: number | undefined;
  readonly maxQueriesPerIPPerHour?: number | undefined;
  readonly queryParameters?: string | undefined;
  readonly referers?: readonly string[] | undefined;
  /** Seconds. */
  readonly validity?: number | undefined;
  /**
   * Keys that are made from this one, which die with it, are handed out for so long at the most.
   */
  readonly securedKeys?: { readonly validFor: string } | undefined;
}

/** Algolia documents no longest description; a tag and a space come behind ours. */
export const longestName = 255;

const durationText = z.string().superRefine((text, context) => {
  try {
    parseDuration(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof RangeError ? error.message : String(error) });
  }
});

export const attributes: z.ZodType<AlgoliaAttributes> = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(longestName - 31),
  acl: z.array(z.string().min(1)).min(1).optional(),
  indexes: z.array(z.string().min(1)).optional(),
  maxHitsPerQuery: z.int().min(0).optional(),
  maxQueriesPerIPPerHour: z.int().min(0).optional(),
  queryParameters: z.string().optional(),
  referers: z.array(z.string().min(1)).optional(),
  validity: z.int().min(0).optional(),
  securedKeys: z.strictObject({ validFor: durationText }).optional(),
});

/**
 * The dashboard's own words where its documentation has them ("How to restore an API key"); the
 * rest is as it looked when this was written.
 */
const section = ({ store }: ManualFacts) =>
  `In Algolia's dashboard, choose the application of ${store}; then Settings, API Keys, and the tab All API Keys.`;
const find = ({ keyName }: ManualFacts) => `Find the key whose description is "${keyName}".`;
const ending = (facts: ManualFacts) => [section(facts), find(facts), 'Open its menu, choose Delete, and confirm.'];

export const config: StoreConfig<AlgoliaSettings> = {
  kind: 'algolia',
  settings,
  attributes,
  strategies: ['overlap'],
  idIsSecret: true,
  assumptions: commonAssumptions,
  widens,
  changes: { rightsWith, ofNewKeys: ['validity', 'securedKeys'] },
  defaultRights: openRights,
  derives: 'secured API keys that were made from it, wherever they were handed out',
  instructions: {
    mint: (facts) => [
      section(facts),
      `Click New API Key, and give it the description "${facts.keyName}".`,
      'Give it the ACL, indices, referrers, query parameters, limits and validity of the key that it follows: what is left empty is allowed.',
      'Click Create, and copy the key.',
    ],
    disable: ending,
    revoke: ending,
    enable: (facts) => [
      section(facts),
      `Click Restore API Key, insert the key that was "${facts.keyName}", and click Restore.`,
      'A restored key never expires: open it, and give it its validity back if it had one.',
    ],
  },
};
