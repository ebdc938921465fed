/** Owns the schema of rekey.yaml: what stands in it, its defaults, and what must agree. Each connector brings the schema of its own part. */
import { z } from 'zod';
import { evidenceRanks, type JsonObject } from '../../workflows/domain/credential.js';
import type { HostConfig, StoreConfig } from '../ports/connector.js';
import { duration } from './duration.js';

export interface ConnectorConfigs {
  readonly stores: readonly StoreConfig[];
  readonly hosts: readonly HostConfig[];
}

export const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes');
const credentialName = z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/, 'expected a lower-case name such as datadog/agents');

/** A value that is no reference could be a secret, so the message never repeats it. */
const reference = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+|exec:.+)$/s, 'expected a reference: "env:NAME", "file:/absolute/path" or "exec:command"; secrets do not stand in this file');

const wave = z.union([z.int().min(1), z.string().regex(/^(100|[1-9]?\d)%$/)], { error: 'expected a count such as 5, or a share such as "25%"' }).transform((value) =>
  typeof value === 'number' ? { count: value } : { share: Number.parseInt(value, 10) / 100 },
);

const rollout = z.strictObject({ canary: z.int().min(0).optional(), wave: wave.optional(), bake: duration.optional() });

const window = z
  .string()
  .regex(/^((Mon|Tue|Wed|Thu|Fri|Sat|Sun)([-,](Mon|Tue|Wed|Thu|Fri|Sat|Sun))* )?([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d [A-Za-z_]+(\/[A-Za-z_+\-0-9]+)*$/, 'expected a window such as "Sun 02:00-06:00 Europe/Berlin"')
  .refine((text) => isTimeZone(text.split(' ').at(-1)!), 'the time zone is unknown');

const policy = z.strictObject({
  every: duration.optional(),
  window: window.optional(),
  grace: duration.optional(),
  soak: duration.optional(),
  evidence: z.enum(evidenceRanks).optional(),
  confirm: duration.optional(),
  downtime: duration.optional(),
  approve: z.array(z.enum(['start', 'take-away'])).optional(),
  approveWithin: duration.optional(),
});

const hour = 3_600_000;
export const defaultRollout = { canary: 1, wave: { share: 0.25 }, bake: 5 * 60_000 } as const;
export const defaultPolicy = { every: null, window: null, grace: 24 * hour, soak: 7 * 24 * hour, evidence: 'uses', confirm: 5 * 60_000, downtime: null, approve: [], approveWithin: 72 * hour } as const;

const consumers = z.union([z.literal('none'), z.strictObject({ host: name, all: z.literal(true) }), z.array(z.looseObject({ name, host: name })).min(1)], {
  error: 'expected a list of consumers, { host: NAME, all: true }, or none',
});

export const credential = z.strictObject({
  store: name,
  strategy: z.enum(['overlap', 'in-place']),
  current: z.strictObject({ id: z.string({ error: 'expected a text; put a number in quotes' }).min(1), secret: reference.optional() }).optional(),
  attributes: z.record(z.string(), z.json()).default({}),
  consumers: consumers.optional(),
  rollout: rollout.default({}),
  policy: policy.default({}),
  accept: z.array(z.enum(['no-way-back', 'source-not-shown', 'no-last-used'])).default([]),
});

/** The outer shape; the parts of the connectors are looked at one by one, each against its own schema. */
export const file = z.strictObject({
  version: z.literal(1, { error: 'expected 1' }),
  stores: z.record(name, z.looseObject({ kind: z.string() })).default({}),
  hosts: z.record(name, z.looseObject({ kind: z.string() })).default({}),
  defaults: z.strictObject({ rollout: rollout.default({}), policy: policy.default({}) }).prefault({}),
  credentials: z.record(credentialName, credential).default({}),
});

export type File = z.infer<typeof file>;
export type CredentialEntry = z.infer<typeof credential>;

/** Looks into a connector's part for values that must be references: everything under `management`. */
export function referenceProblems(settings: JsonObject): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const management = settings.management;
  if (management === null || typeof management !== 'object' || Array.isArray(management)) return [];
  return Object.entries(management).flatMap(([key, value]) => {
    const checked = reference.safeParse(value);
    return checked.success ? [] : [{ path: ['management', key], message: checked.error.issues[0]!.message }];
  });
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
