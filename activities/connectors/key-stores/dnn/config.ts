/**
 * Owns what rekey.yaml may say about the API keys of one DNN Evoq site, and what a person does
 * where no call for it is published.
 */
import { z } from 'zod';
import type { JsonObject } from '../../../../workflows/domain/credential.js';
import type { ManualFacts, StoreConfig } from '../../../ports/connector.js';
import { baseUrl, commonAssumptions, requireAccepted, type Timing, timing, withDefaults } from '../../http/settings.js';

/**
 * The vendor's Swagger page names a controller `ApiKeys` and shows none of its operations: all of
 * this is assumed, by analogy with the one controller that was ever unfolded
 * (dnnsoftware/Dnn.Evoq.LiquidContent.Samples.Public,
 * `OfflineVisualizerSync/doc/img/01_swagger.png`).
 */
export const unpublishedCalls = {
  'dnn-apikeys-calls': 'That …/api/ApiKeys lists, reads, makes, changes and deletes keys, and what their fields are called.',
  'dnn-host-token': "That these calls take the token of a host's browser session, and mean the site that this session is on.",
  'dnn-reset-call': 'That POST …/api/ApiKeys/{id}/reset replaces the value of a key at once and answers with the new one.',
} as const;

export const assumptions = { ...unpublishedCalls, ...commonAssumptions } as const;
export type Assumption = keyof typeof assumptions;

/**
 * How fast a key spreads is not documented, and there is no last use; all times are ours, on the
 * long side.
 */
const ownTiming: Timing = { request: 10_000, settle: 30_000, propagation: 10_000, lastUsedLag: 0 };

/**
 * The toggles of the key form, and how they are assumed to travel (resources and actions of the
 * samples' `ScopeManager.cs`).
 */
export const toggles = {
  'read-content-items': { label: 'Read Content Items', word: 'sc-item:read' },
  'read-write-content-items': { label: 'Read/Write Content Items', word: 'sc-item:write' },
  'read-content-types': { label: 'Read Content Types', word: 'sc-type:read' },
  'read-write-content-types': { label: 'Read/Write Content Types', word: 'sc-type:write' },
} as const;
export type Toggle = keyof typeof toggles;
const toggleNames = Object.keys(toggles) as Toggle[];

/** What any key with a toggle may do without changing anything. */
export const reads = ['content-items', 'content-types'] as const;
export type Read = (typeof reads)[number];

const method = z.enum(['POST', 'PUT', 'PATCH']);
/** Below the address; `{id}` is filled in. */
const below = z.string().regex(/^\/[\w/{}.-]*$/, 'expected a path such as /api/ApiKeys');
const word = z.string().min(1);

/** All assumed, [A]: see the README. */
const calls = z
  .strictObject({
    keys: z.strictObject({ path: below.default('/api/ApiKeys') }).prefault({}),
    update: z.strictObject({ method: method.default('PUT') }).prefault({}),
    reset: z.strictObject({ method: method.default('POST'), path: below.default('/api/ApiKeys/{id}/reset') }).prefault({}),
    fields: z
      .strictObject({
        id: word.default('id'),
        name: word.default('name'),
        key: word.default('key'),
        permissions: word.default('permissions'),
      })
      .prefault({}),
    permissions: z
      .strictObject({
        'read-content-items': word.default(toggles['read-content-items'].word),
        'read-write-content-items': word.default(toggles['read-write-content-items'].word),
        'read-content-types': word.default(toggles['read-content-types'].word),
        'read-write-content-types': word.default(toggles['read-write-content-types'].word),
      })
      .prefault({}),
  })
  .prefault({});

type DnnCalls = z.infer<typeof calls>;

export interface DnnSettings {
  readonly url: string;
  /**
   * A key belongs to the site that was current when it was made, and no call tells which that was:
   * the operator does.
   */
  readonly site: string;
  /** Null: a person carries out what would need it. */
  readonly management: { readonly token: string } | null;
  /** What every key of this store must be let do to count as accepted; null: any of it. */
  readonly reads: readonly Read[] | null;
  /** A content item that only this site has: a key of another site does not see it. */
  readonly contentItem: string | null;
  readonly calls: DnnCalls;
  readonly timing: Timing;
  readonly accept: readonly string[];
}

const settings: z.ZodType<DnnSettings> = z
  .strictObject({
    url: baseUrl.default('https://dnnapi.com/content'),
    site: z.string().min(1).max(200),
    management: z.strictObject({ token: z.string().min(1) }).optional(),
    reads: z.array(z.enum(reads)).min(1).optional(),
    contentItem: z.string().min(1).optional(),
    calls,
    timing,
    accept: z.array(z.enum(Object.keys(assumptions) as Assumption[])).default([]),
  })
  .transform((given, context): DnnSettings => {
    requireAccepted(context, given, { name: 'DNN', timing: ownTiming, addresses: [given.url] });
    const { management = null, reads = null, contentItem = null } = given;
    return { ...given, management, reads, contentItem, timing: withDefaults(given.timing, ownTiming) };
  });

/**
 * Only a first key, and a person who makes one, need the permissions: a key that follows another
 * takes over its.
 */
export interface DnnAttributes {
  readonly name: string;
  readonly permissions?: readonly Toggle[] | undefined;
}

/** No longest name is documented; a tag and a space come behind ours. */
export const longestName = 100;

export const attributes: z.ZodType<DnnAttributes> = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(longestName - 31),
  permissions: z.array(z.enum(toggleNames)).min(1).optional(),
});

/** DNNDocs, "Edit or Reset the API Key", steps 1 to 4. */
const toTheKeys = (store: string) => [
  `Sign in as a host (super user), on the site that ${store} stands for: a key belongs to the site that is current when it is made.`,
  'Go to Persona Bar > Content > Content Library, and there to the tab API Keys.',
];
const toTheKey = ({ store, keyName, keyId }: ManualFacts) => [
  ...toTheKeys(store),
  `Search for the API key ${[...new Set([keyName, keyId])].filter(Boolean).join(', ')}.`,
];

const instructions: NonNullable<StoreConfig['instructions']> = {
  mint: ({ store, keyName, attributes: declared }) => {
    const wanted = attributes.safeParse(declared).data?.permissions;
    const on = wanted ? wanted.map((toggle) => toggles[toggle].label).join(', ') : 'the same as on the key that it replaces';
    return [
      ...toTheKeys(store),
      `Create an API key. Name: ${keyName}. Switch on: ${on}; and nothing else.`,
      'Save, then copy the key to the clipboard: Copy Key, or the clipboard icon of the list.',
    ];
  },
  regenerate: (facts) => [
    ...toTheKey(facts),
    'Click the pencil icon of this key.',
    'WARNING: Reset Key cannot be undone, and takes effect at once, before Save and without it: the old key is deleted, and whoever still holds it is refused.',
    'Click Reset Key, once. Then click Copy Key.',
  ],
  revoke: (facts) => [
    ...toTheKey(facts),
    'Make sure that it is this key and no other: a deleted key cannot be brought back.',
    'Click the trash icon of this key, and confirm.',
  ],
};

export const config: StoreConfig<DnnSettings> = {
  kind: 'dnn',
  settings,
  attributes,
  strategies: ['overlap', 'in-place'],
  assumptions,
  manualBy: ({ management }) => (management === null ? ['mint', 'regenerate', 'revoke'] : []),
  instructions,
  widens: (before, after) =>
    permissionsOf(after)
      .filter((permission) => !permissionsOf(before).includes(permission))
      .map(
        (permission) =>
          `it gets ${toggles[permission as Toggle]?.label ?? `a permission that rekey does not know: ${permission}`}`,
      ),
  changes: {
    rightsWith: (rights, { permissions }) =>
      Array.isArray(permissions) ? { ...rights, permissions: permissions.map(String).sort() } : rights,
    ofNewKeys: [],
  },
  // A new form has no toggle on: assumed.
  defaultRights: { permissions: [] },
};

function permissionsOf({ permissions }: JsonObject): readonly string[] {
  return Array.isArray(permissions) ? permissions.map(String) : [];
}
