/**
 * Holds docs/configuration.md to the schema: every key has its row, no row is of a key that there
 * is not, and the defaults are the real ones.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { connectors } from '../../../activities/configuration/connectors.js';
import { formatConfiguration } from '../../../activities/configuration/explain.js';
import {
  consumerFields,
  credentialFields,
  currentFields,
  fileFields,
  limitsFields,
  policyFields,
  rolloutFields,
} from '../../../activities/configuration/schema.js';
import type { Configuration } from '../../../workflows/domain/configuration.js';
import { edited, parse } from './support.js';

const page = readFileSync(path.resolve(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');

/** For each heading the rows of its table of keys, as key → default. */
const tables = new Map(
  page.split(/^##+ /m).map((section) => {
    const [heading = '', ...lines] = section.split('\n');
    const rows = lines
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
    const from = rows.findIndex((cells) => cells.join(' ').trim() === 'key type default meaning');
    const keys = from < 0 ? [] : rows.slice(from + 2).filter((cells) => cells.length === 6);
    return [heading.replaceAll('`', ''), new Map(keys.map(([, key, , byDefault]) => [key!, byDefault!]))] as const;
  }),
);

/** The keys of a schema; mappings that are not a choice of their own are opened once. */
function keysOf(schema: z.ZodType): string[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).flatMap(([key, inner]) => {
    const forms = typeof inner === 'object' ? [inner, ...(inner.anyOf ?? [])] : [];
    const below = forms.flatMap((form) => (typeof form === 'object' ? Object.keys(form.properties ?? {}) : []));
    return below.length > 0 ? below.map((name) => `${key}.${name}`) : [key];
  });
}

const expected: [heading: string, keys: string[]][] = [
  ['The file', Object.keys(fileFields)],
  ['limits', Object.keys(limitsFields)],
  ['A credential', Object.keys(credentialFields)],
  ['current', Object.keys(currentFields)],
  ['consumers', Object.keys(consumerFields)],
  ['rollout', Object.keys(rolloutFields)],
  ['policy', Object.keys(policyFields)],
  ...connectors.stores.flatMap(({ kind, settings, attributes }): [string, string[]][] => [
    [`Store ${kind}`, keysOf(settings)],
    [`Attributes of ${kind}`, keysOf(attributes)],
  ]),
  ...connectors.hosts.flatMap(({ kind, settings, consumer }): [string, string[]][] => [
    [`Host ${kind}`, keysOf(settings)],
    [`Consumer on ${kind}`, keysOf(consumer)],
  ]),
];

describe('docs/configuration.md', () => {
  it.each(expected)('tells every key of: %s', (heading, keys) => {
    expect([...(tables.get(heading)?.keys() ?? [])].sort()).toEqual([...keys].sort());
  });

  it('has no table of anything else', () => {
    const headings = [...tables].filter(([, rows]) => rows.size > 0).map(([heading]) => heading);
    expect(headings.sort()).toEqual(expected.map(([heading]) => heading).sort());
  });

  it('tells the defaults that are filled in', () => {
    const parsed = parse(
      edited('team/web:', 'team/plain:\n    store: vault\n    strategy: overlap\n    consumers: none\n  team/web:'),
    );
    const shown = (configuration: Configuration, name: string) => parseYaml(formatConfiguration(configuration)).credentials[name];
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const overlap = shown(parsed.configuration, 'team/plain');
    const inPlace = shown(parsed.configuration, 'team/jobs');
    const told = Object.fromEntries([...tables.get('rollout')!, ...tables.get('policy')!]);
    const real = { ...overlap.rollout, ...overlap.policy, downtime: inPlace.policy.downtime, approve: 'none' };
    expect(told).toEqual(Object.fromEntries(Object.entries(real).map(([key, value]) => [key, String(value)])));
    expect(overlap.policy.approve).toEqual([]);
    const limits = Object.entries(parsed.configuration.limits).map(([key, value]) => [key, String(value ?? 'any')]);
    expect(Object.fromEntries(tables.get('limits')!)).toEqual(Object.fromEntries(limits));
  });

  it('names every assumption and every risk that can be accepted', () => {
    const risks = z.toJSONSchema(credentialFields.accept).items as { enum: string[] };
    for (const name of [...connectors.stores.flatMap(({ assumptions }) => Object.keys(assumptions)), ...risks.enum]) {
      expect(page).toContain(`\`${name}\``);
    }
  });
});
