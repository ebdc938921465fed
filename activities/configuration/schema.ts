/**
 * Owns what rekey.yaml may say outside the parts of the connectors, and what holds where it says
 * nothing.
 */
import { z } from 'zod';
import type { AcceptedRisk, Evidence, Gate, Policy, Rollout } from '../../workflows/domain/credential.js';
import { parseDuration } from '../../workflows/domain/duration.js';
import type { Strategy } from '../../workflows/domain/states.js';
import { parseWindow } from '../../workflows/domain/window.js';
import type { HostConfig, StoreConfig } from '../ports/connector.js';
import { duration } from '../ports/duration.js';

/** The connectors that a file may name. */
export interface ConnectorConfigs {
  readonly stores: readonly StoreConfig[];
  readonly hosts: readonly HostConfig[];
}

const longestName = 100;
const nameOf = (pattern: RegExp, example: string) =>
  z.string().max(longestName).regex(pattern, `expected lower-case letters, digits and dashes, such as "${example}"`);

/** Stores and hosts give their names to queues. */
export const connectorName = nameOf(/^[a-z0-9][a-z0-9-]*$/, 'datadog-eu');
export const credentialName = nameOf(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/, 'datadog/agents');
/** Often the name of a machine or an app, so it may look like one. */
const consumerName = z
  .string()
  .max(longestName)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected lower-case letters, digits, dashes, dots and underscores, such as "web-1"');

/** What groups credentials for people; it has no effect of its own. */
const label = nameOf(/^[a-z0-9][a-z0-9._-]*$/, 'payments');

const forms = '"env:NAME", "file:/absolute/path" or "exec:command"';

/**
 * Where a secret is found; the text is refused without being repeated, since it may be the secret.
 */
export const reference = z
  .string({ error: `expected ${forms}` })
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/[^\r\n]+|exec:[^\r\n]*\S[^\r\n]*)$/,
    `is not a reference to a secret, and secrets never stand in this file; expected ${forms}`,
  );

const window = z
  .string({ error: 'expected a window such as "Sun 02:00-06:00 Europe/Berlin", or "always"' })
  .transform((text, context) => {
    try {
      parseWindow(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof RangeError ? error.message : String(error) });
    }
    return text;
  });

const wave = z
  .union([z.string(), z.number()], { error: 'expected a share such as "25%", or a count' })
  .transform((size, context) => {
    const percent = /^(\d{1,3})%$/.exec(String(size))?.[1];
    if (percent !== undefined && Number(percent) >= 1 && Number(percent) <= 100) return { share: Number(percent) / 100 };
    if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 1) return { count: size };
    context.addIssue({ code: 'custom', message: 'expected a share from "1%" to "100%", or a count of at least 1' });
    return z.NEVER;
  });

/** A word that takes back what `defaults` say. */
const orNull = <Output>(word: string, type: z.ZodType<Output>) =>
  z.unknown().transform((given, context): Output | null => {
    if (given === word) return null;
    const checked = type.safeParse(given);
    if (checked.success) return checked.data;
    const said = checked.error.issues[0]!.message;
    context.addIssue({ code: 'custom', message: said.startsWith('expected ') ? `${said}, or "${word}"` : said });
    return z.NEVER;
  });

export const rolloutFields = {
  canary: z.int().min(0).optional(),
  wave: wave.optional(),
  bake: duration.optional(),
};

const gates = ['start', 'take-away'] as const satisfies readonly Gate[];
/**
 * Evidence `none` is not on offer: a key would be ended under programs that nobody has looked at.
 */
const evidences = ['uses', 'loaded', 'rolled-out'] as const satisfies readonly Evidence[];

export const policyFields = {
  every: orNull('never', duration).optional(),
  window: orNull('always', window).optional(),
  jitter: duration.optional(),
  grace: duration.optional(),
  soak: duration.optional(),
  evidence: z.enum(evidences).optional(),
  confirm: duration.optional(),
  downtime: orNull('any', duration).optional(),
  approve: z.array(z.enum(gates)).optional(),
  approveWithin: duration.optional(),
  keepRevoked: duration.optional(),
};

export const limitsFields = {
  open: z.int().min(1).optional(),
  openPerStore: orNull('any', z.int().min(1)).optional(),
  startsPerMinute: z.int().min(1).optional(),
};

export const defaultsFields = { rollout: z.unknown(), policy: z.unknown() };

const risks = ['no-way-back', 'source-not-shown', 'no-last-used'] as const satisfies readonly AcceptedRisk[];

/** `attributes` and `consumers` are looked at by the connectors of the store and of each host. */
export const credentialFields = {
  store: z.string(),
  strategy: z.enum(['overlap', 'in-place']),
  labels: z.array(label).optional(),
  current: z.unknown(),
  attributes: z.unknown(),
  consumers: z.unknown(),
  rollout: z.unknown(),
  policy: z.unknown(),
  accept: z.array(z.enum(risks)).optional(),
};

/** A key that exists may also be taken over from where one of its consumers has it. */
const currentSecret = z.union([z.string().regex(/^consumer:[a-z0-9][a-z0-9._-]*$/), reference], {
  error: `is not a reference to a secret, and secrets never stand in this file; expected ${forms}, or "consumer:NAME"`,
});

export const currentFields = { id: z.string().min(1).max(500).optional(), secret: currentSecret.optional() };

export const consumerFields = { name: consumerName, host: z.string() };
export const allConsumersFields = { host: z.string(), all: z.literal(true) };

export const fileFields = {
  version: z.literal(1),
  stores: z.unknown(),
  hosts: z.unknown(),
  defaults: z.unknown(),
  limits: z.unknown(),
  credentials: z.unknown(),
};

export const defaultRollout: Rollout = { canary: 1, wave: { share: 0.25 }, bake: parseDuration('5m') };

export const defaultPolicy: Policy = {
  every: null,
  window: null,
  jitter: 0,
  grace: parseDuration('24h'),
  soak: parseDuration('7d'),
  evidence: 'uses',
  confirm: parseDuration('5m'),
  downtime: null,
  approve: [],
  approveWithin: parseDuration('3d'),
  keepRevoked: parseDuration('7d'),
};

/**
 * In place, every instance was stopped before the secret changed and was started with the new one:
 * the word of its host is enough.
 */
export const defaultInPlace: Partial<Policy> = { evidence: 'rolled-out' };

/**
 * What is without effect under a strategy. A credential may not say it; of `defaults`, which speak
 * to both, it is left out.
 */
export const withoutEffect: Readonly<
  Record<Strategy, { rollout: readonly (keyof Rollout)[]; policy: readonly (keyof Policy)[]; gates: readonly Gate[] }>
> = {
  overlap: { rollout: [], policy: ['downtime'], gates: [] },
  'in-place': { rollout: ['canary', 'wave', 'bake'], policy: ['grace', 'soak'], gates: ['take-away'] },
};
