/** Owns the connectors and the small rekey.yaml that the tests of the configuration start from. */
import { z } from 'zod';
import { formatProblem, type Parsed, parseConfiguration } from '../../../activities/configuration/parse.js';
import type { ConnectorConfigs } from '../../../activities/configuration/schema.js';
import { duration } from '../../../activities/ports/duration.js';

/**
 * A store that can do everything, one that can only overlap, a host that needs a file, and one that
 * finds consumers through a store.
 */
export const fakes: ConnectorConfigs = {
  stores: [
    {
      kind: 'safe',
      settings: z.strictObject({
        url: z.string(),
        management: z.strictObject({ token: z.string() }),
        timing: z.strictObject({ settle: duration.optional() }).optional(),
        accept: z.array(z.enum(['short-timing'])).default([]),
      }),
      attributes: z.strictObject({ name: z.string().min(1).optional(), rights: z.array(z.string()).optional() }),
      strategies: ['overlap', 'in-place'],
      assumptions: { 'short-timing': 'faster than the vendor' },
    },
    {
      kind: 'plain',
      settings: z.strictObject({ labels: z.record(z.string(), z.string()).optional() }),
      attributes: z.strictObject({ name: z.string() }),
      strategies: ['overlap'],
      assumptions: {},
    },
  ],
  hosts: [
    {
      kind: 'files',
      settings: z.strictObject({}),
      consumer: z.strictObject({
        file: z.string().regex(/^\//, 'expected an absolute path'),
        at: z.string(),
        confirm: z
          .union([z.literal('none'), z.strictObject({ last4: z.string() }), z.strictObject({ fingerprint: z.string() })])
          .optional(),
      }),
      findsConsumers: false,
    },
    {
      kind: 'apps',
      settings: z.strictObject({ store: z.string() }),
      consumer: z.strictObject({ app: z.string() }),
      findsConsumers: true,
      storeKind: 'safe',
    },
  ],
};

export const small = `version: 1
stores:
  vault:
    kind: safe
    url: https://safe.example.com
    management: { token: "env:TOKEN" }
  other: { kind: plain }
hosts:
  disk: { kind: files }
  apps: { kind: apps, store: vault }
credentials:
  team/web:
    store: vault
    strategy: overlap
    current: { id: "17", secret: "file:/run/secrets/web" }
    attributes: { name: web }
    consumers:
      - { name: web-1, host: disk, file: /etc/web-1, at: key }
      - { name: web-2, host: disk, file: /etc/web-2, at: key }
  team/jobs:
    store: vault
    strategy: in-place
    current: { id: "18" }
    consumers: { host: apps, all: true }
`;

/** The small file with the first occurrence of a piece replaced. */
export function edited(piece: string, by: string, text = small): string {
  if (!text.includes(piece)) throw new Error(`the file has no ${piece}`);
  return text.replace(piece, () => by);
}

export function parse(text: string, connectors = fakes): Parsed {
  return parseConfiguration(text, 'rekey.yaml', connectors);
}

/** The problems as they are printed, without the name of the file. */
export function problemsOf(text: string, connectors = fakes): readonly string[] {
  const parsed = parse(text, connectors);
  return parsed.ok ? [] : parsed.problems.map((problem) => formatProblem(problem).replace(/^rekey\.yaml:/, ''));
}

/** The credential as it was understood. */
export function credentialOf(text: string, name = 'team/web') {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.configuration.credentials[name]!;
}
