/** Holds rekey.example.yaml to the parser: what people copy must be right. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../../activities/configuration/connectors.js';
import { parseConfiguration } from '../../../activities/configuration/parse.js';

const file = 'rekey.example.yaml';
const text = readFileSync(path.resolve(import.meta.dirname, '../../..', file), 'utf8');

describe(file, () => {
  const parsed = parseConfiguration(text, file, connectors);

  it('is read without a problem', () => {
    expect(parsed.ok ? [] : parsed.problems).toEqual([]);
  });

  it('shows both strategies, and every kind of store and host that there is', () => {
    const { stores, hosts, credentials } = parsed.ok ? parsed.configuration : expect.fail('it has problems');
    expect(new Set(Object.values(credentials).map((c) => c.strategy))).toEqual(new Set(['overlap', 'in-place']));
    expect(new Set(Object.values(stores).map((s) => s.kind))).toEqual(new Set(connectors.stores.map((s) => s.kind)));
    expect(new Set(Object.values(hosts).map((h) => h.kind))).toEqual(new Set(connectors.hosts.map((h) => h.kind)));
  });

  it('accepts only what its comments explain', () => {
    const { credentials, stores } = parsed.ok ? parsed.configuration : expect.fail('it has problems');
    const risks = Object.entries(credentials).flatMap(([name, { accept }]) => accept.map((risk) => `${name}: ${risk}`));
    expect(risks).toEqual(['datadog/agents: source-not-shown', 'shop/search: no-last-used', 'dnn/site-apps: no-last-used']);
    expect(stores.datadog!.settings.accept).toEqual([]);
  });
});
