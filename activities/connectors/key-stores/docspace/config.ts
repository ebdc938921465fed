/**
 * Owns what rekey.yaml may say about a DocSpace portal and its API keys, and what people read about
 * them.
 */
import { z } from 'zod';
import type { JsonObject } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ManualFacts, StoreConfig } from '../../../ports/connector.js';
import { baseUrl, commonAssumptions, requireAccepted, type Timing, timing, withDefaults } from '../../http/settings.js';

/**
 * Every request reads the key from the database, so that a change is known at once; five seconds
 * are for replicas of it. Last use is kept to the second (ApiKeyManager.cs, ValidateApiKeyAsync).
 * Request and settle are ours, on the long side.
 */
const ownTiming: Timing = { request: 10_000, settle: 30_000, propagation: 5_000, lastUsedLag: 2_000 };

export interface DocSpaceSettings {
  readonly url: string;
  readonly management: { readonly token: string };
  readonly timing: Timing;
  readonly accept: readonly string[];
}

const settings: z.ZodType<DocSpaceSettings> = z
  .strictObject({
    url: baseUrl,
    management: z.strictObject({ token: z.string().min(1) }),
    timing,
    accept: z.array(z.enum(Object.keys(commonAssumptions) as (keyof typeof commonAssumptions)[])).default([]),
  })
  .transform((given, context): DocSpaceSettings => {
    requireAccepted(context, given, { name: 'DocSpace', timing: ownTiming, addresses: [given.url] });
    return { ...given, timing: withDefaults(given.timing, ownTiming) };
  });

/** A key has no name to declare: DocSpace's have at most 30 characters, which the tag takes. */
export interface DocSpaceAttributes {
  readonly permissions?: readonly string[] | undefined;
  readonly expiresInDays?: number | undefined;
}

/**
 * No restriction, in a form that every version takes: an empty list opens a key in one, and is
 * refused by another.
 */
export const everything = '*';

/** UpdateApiKeyRequestDto and the vendor's own dialog. */
export const longestName = 30;

export const attributes: z.ZodType<DocSpaceAttributes> = z.strictObject({
  permissions: z
    .array(z.string().regex(/^(\*|(\*|[a-z][a-z.]*):(read|write))$/, 'expected a scope such as files:read, or * for everything'))
    .min(1)
    .optional(),
  expiresInDays: z.int().min(1).max(365).optional(),
});

export const config: StoreConfig<DocSpaceSettings> = {
  kind: 'docspace',
  settings,
  attributes,
  strategies: ['overlap'],
  assumptions: commonAssumptions,
  widens,
  changes: { rightsWith, ofNewKeys: ['expiresInDays'] },
  defaultRights: { permissions: [everything] },
  instructions: {
    mint: (facts) => [
      'Log in to the portal as the user as whom the key is to act: a key acts as the one who makes it.',
      ...keyList,
      'Click "Create new secret key".',
      `Label: ${facts.keyName}`,
      permissionsTab(facts),
      lifetime(facts),
      'Click "Generate" and copy the key. It is shown this once.',
    ],
    disable: ({ keyName }) => [
      ...keyList,
      `In the row of ${keyName}, switch the toggle off.`,
      'Reload the page: the toggle is still off.',
    ],
    enable: ({ keyName }) => [
      ...keyList,
      `In the row of ${keyName}, switch the toggle on.`,
      'Reload the page: the toggle is still on.',
    ],
    revoke: ({ keyName }) => [
      ...keyList,
      `In the row of ${keyName}, open the menu behind the three dots and click "Delete". There is no way back.`,
      'Confirm. The key is gone from the list.',
    ],
  },
};

/**
 * ONLYOFFICE, "API keys" (api.onlyoffice.com, get started, authentication); the rest is from the
 * portal's own pages, ONLYOFFICE/DocSpace-client, developer-tools/ApiKeys.
 */
const keyList = ['Open the settings of DocSpace, "Developer Tools", "API keys".'];

function permissionsTab({ attributes }: ManualFacts): string {
  const wanted = permissionsOf(attributes);
  if (attributes.permissions === undefined) return 'Permissions: those of the key that it follows.';
  if (wanted.includes(everything) || wanted.includes('*:write')) return 'Permissions: "All".';
  if (wanted.join() === '*:read') return 'Permissions: "Read only".';
  return `Permissions: "Restricted", and in the list exactly ${wanted.join(', ')}.`;
}

function lifetime({ attributes }: ManualFacts): string {
  const { expiresInDays } = attributes;
  return `Key lifetime: ${typeof expiresInDays === 'number' ? `on, ${expiresInDays} days` : 'as with the key that it follows; off if that has none'}.`;
}

/**
 * The scopes of rights; where nothing is said DocSpace restricts nothing, and an asterisk stands
 * for itself alone.
 */
export function permissionsOf({ permissions }: JsonObject): readonly string[] {
  const said = Array.isArray(permissions) ? permissions.filter((scope) => typeof scope === 'string') : [];
  return said.length === 0 || said.includes(everything) ? [everything] : said;
}

/** UpdateApiKeyRequestDto has no date of expiry. */
function rightsWith(rights: JsonObject, { permissions, expiresInDays }: JsonObject): JsonObject {
  if (expiresInDays !== undefined && expiresInDays !== rights.expiresInDays)
    throw new RekeyError('KR_USAGE', 'expiresInDays of a key cannot be changed once it is made');
  return permissions === undefined ? rights : { ...rights, permissions: [...permissionsOf({ permissions })].sort() };
}

function widens(before: JsonObject, after: JsonObject): readonly string[] {
  const had = permissionsOf(before);
  const opened = permissionsOf(after)
    .filter((scope) => !had.some((one) => covers(one, scope)))
    .map((scope) => (scope === everything ? 'it may do everything that its user may' : `it gets the scope ${scope}`));
  const [old, next] = [lifeOf(before), lifeOf(after)];
  return [
    ...opened,
    ...(differs(before, after, 'actsAs') ? ['it acts as another user'] : []),
    ...(next > old
      ? [`it lives ${next === Number.POSITIVE_INFINITY ? 'for ever' : `${next} days`} and no longer ${old} days`]
      : []),
  ];
}

/**
 * AuthorizationExtension.cs: an unrestricted key is one with `*:write`, and whoever may write may
 * read.
 */
function covers(has: string, wanted: string): boolean {
  if (has === wanted || has === everything || has === '*:write') return true;
  if (!wanted.endsWith(':read')) return false;
  return has === '*:read' || has === wanted.replace(/:read$/, ':write');
}

function lifeOf({ expiresInDays }: JsonObject): number {
  return typeof expiresInDays === 'number' ? expiresInDays : Number.POSITIVE_INFINITY;
}

function differs(before: JsonObject, after: JsonObject, name: string): boolean {
  return after[name] !== undefined && before[name] !== after[name];
}
