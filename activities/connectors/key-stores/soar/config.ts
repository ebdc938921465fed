/**
 * Owns what rekey.yaml may say about an IBM QRadar SOAR organisation, its API keys, and the calls
 * of it that IBM does not publish.
 */
import { z } from 'zod';
import type { ManualFacts, StoreConfig } from '../../../ports/connector.js';
import { baseUrl, commonAssumptions, requireAccepted, type Timing, timing, withDefaults } from '../../http/settings.js';

/**
 * None of these is published, save how a destination is read and written: they are assumed, by
 * analogy with the calls that are, and each part of them can be corrected under `calls:`. A call is
 * made only if its name stands under `accept:`. Whoever has an appliance can read its
 * `/docs/rest-api/`, or record what the browser does.
 */
export const unpublishedCalls = {
  'soar-create-call': 'That POST …/apikeys takes a name and permissions, and answers with the secret.',
  'soar-regenerate-call': 'That PUT …/apikeys/{id} with the whole object and a flag makes a new secret and answers with it.',
  'soar-deploy-call': 'That apps are listed, read, deployed and undeployed under …/apps, and what their states are called.',
  'soar-secrets-call': 'That PUT …/apps/{id}/secrets/{name} writes the secret of an app, and POST …/apps/{id}/secrets adds one.',
  'soar-destinations-call':
    'That a message destination lists the keys that may read it under api_keys, by client id or number, and takes them back.',
  'soar-config-call': 'That PUT …/apps/{id}/executables/{executable} writes the app.config of a part of an app, with its key.',
} as const;

export const assumptions = { ...unpublishedCalls, ...commonAssumptions } as const;
export type Assumption = keyof typeof assumptions;

/**
 * New logins see a change at once (one database); there is no last use. Request and settle are
 * ours, on the long side.
 */
const ownTiming: Timing = { request: 10_000, settle: 30_000, propagation: 5_000, lastUsedLag: 0 };

const method = z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
/** Below `/rest/orgs/<organisation>`; `{id}` and `{name}` are filled in. */
const below = z.string().regex(/^\/[\w/{}.-]*$/, 'expected a path such as /apikeys/{id}');

const call = (verb: z.infer<typeof method>, at: string) => ({ method: method.default(verb), path: below.default(at) });

/** All assumed, [A]: see the README. */
const calls = z
  .strictObject({
    create: z
      .strictObject({ ...call('POST', '/apikeys'), permissionsAs: z.enum(['list', 'handles']).default('list') })
      .prefault({}),
    regenerate: z
      .strictObject({
        ...call('PUT', '/apikeys/{id}'),
        flag: z.string().nullable().default('regenerate_secret'),
        sends: z.enum(['object', 'flag']).default('object'),
      })
      .prefault({}),
    apps: z.strictObject({ path: below.default('/apps') }).prefault({}),
    deploy: z.strictObject(call('POST', '/apps/{id}/deploy')).prefault({}),
    undeploy: z.strictObject(call('POST', '/apps/{id}/undeploy')).prefault({}),
    secret: z
      .strictObject({ ...call('PUT', '/apps/{id}/secrets/{name}'), field: z.string().min(1).default('value') })
      .prefault({}),
    newSecret: z.strictObject({ ...call('POST', '/apps/{id}/secrets'), name: z.string().min(1).default('name') }).prefault({}),
    config: z
      .strictObject({ ...call('PUT', '/apps/{id}/executables/{executable}'), field: z.string().min(1).default('config_string') })
      .prefault({}),
    fields: z
      .strictObject({
        /** What a program logs in with, and what apps call the key's handle. */
        clientId: z.string().min(1).default('client_id'),
        clientSecret: z.string().min(1).default('client_secret'),
      })
      .prefault({}),
  })
  .prefault({});

type SoarCalls = z.infer<typeof calls>;

export interface SoarSettings {
  readonly url: string;
  /**
   * Name, UUID or cloud account, as IBM's own client matches it (resilient-python-api, co3base.py);
   * never the numeric id.
   */
  readonly organisation: string;
  readonly management: { readonly keyId: string; readonly keySecret: string };
  readonly calls: SoarCalls;
  readonly timing: Timing;
  readonly accept: readonly string[];
}

const reference = z.string().min(1);

const settings: z.ZodType<SoarSettings> = z
  .strictObject({
    url: baseUrl,
    organisation: z
      .string()
      .min(1)
      .refine((text) => !/^\d+$/.test(text), 'expected the name, UUID or cloud account of the organisation, not its number'),
    management: z.strictObject({ keyId: reference, keySecret: reference }),
    calls,
    timing,
    accept: z.array(z.enum(Object.keys(assumptions) as Assumption[])).default([]),
  })
  .transform((given, context): SoarSettings => {
    requireAccepted(context, given, { name: 'SOAR', timing: ownTiming, addresses: [given.url] });
    return { ...given, timing: withDefaults(given.timing, ownTiming) };
  });

/** Only a key that rekey makes needs them; in place, the key stays what it is. */
export interface SoarAttributes {
  readonly name: string;
  readonly permissions?: readonly string[] | undefined;
}

/** IBM documents no longest display name; a tag and a space come behind ours. */
export const longestName = 128;

export const attributes: z.ZodType<SoarAttributes> = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(longestName - 31)
    .default('rekey'),
  permissions: z.array(z.string().min(1)).optional(),
});

/** IBM, "Creating API key accounts" and "Regenerating an API key". */
const toTheKeys = 'Go to Administrator Settings > Users, and there to API Keys.';
const toTheKey = ({ keyName, keyId }: ManualFacts) =>
  `Click the API key ${[keyName, keyId === null ? '' : `(number ${keyId})`].filter(Boolean).join(' ')}, and scroll down to API Key Details.`;

const instructions: NonNullable<StoreConfig['instructions']> = {
  mint: ({ keyName }) => [
    toTheKeys,
    `Create an API key with the display name ${keyName} and the permissions of the one that it replaces.`,
    'Copy id and secret to the clipboard: the secret is shown now, and never again.',
    'Add the new key to every message destination that lists the old one (Customization Settings > Destinations).',
  ],
  regenerate: (facts) => [
    'Make sure that every app with this key is undeployed: one that still runs logs in with the dead secret, and locks the account.',
    toTheKeys,
    toTheKey(facts),
    'Click Regenerate API Key Secret, and again in the menu that drops down. The id stays; a locked account is unlocked by it.',
    'Copy to Clipboard: the secret is shown now, and never again.',
  ],
  revoke: (facts) => [
    'Take the key off every message destination that lists it (Customization Settings > Destinations).',
    toTheKeys,
    toTheKey(facts),
    'Delete it. A deleted key cannot be brought back.',
  ],
};

export const config: StoreConfig<SoarSettings> = {
  kind: 'soar',
  settings,
  attributes,
  strategies: ['in-place', 'overlap'],
  assumptions,
  instructions,
};
