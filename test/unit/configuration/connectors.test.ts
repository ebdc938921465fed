import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isScalar, parseDocument, visit } from 'yaml';
import { connectors } from '../../../activities/configuration/connectors.js';
import { formatProblem, parseConfiguration } from '../../../activities/configuration/parse.js';

const text = readFileSync(path.resolve(import.meta.dirname, '../../../rekey.example.yaml'), 'utf8');
const marker = 'q7Zx0pLw93KdTs51';

/** The example with the n-th of its values replaced; null behind the last. */
function planted(n: number): { text: string; at: string } | null {
  const document = parseDocument(text);
  let [seen, at] = [0, ''];
  visit(document, {
    Scalar: (key, node, ancestors) => {
      if (key === 'key' || seen++ !== n) return undefined;
      at = ancestors.flatMap((above) => ('key' in above && isScalar(above.key) ? [String(above.key.value)] : [])).join('.');
      node.value = marker;
      return visit.BREAK;
    },
  });
  return at === '' ? null : { text: document.toString(), at };
}

const places: { text: string; at: string }[] = [];
for (let next = planted(0); next; next = planted(places.length)) places.push(next);

describe('with the connectors that there are', () => {
  it('no secret that stands in place of any value of the example is repeated', () => {
    expect(places.length).toBeGreaterThan(50);
    for (const place of places) {
      const parsed = parseConfiguration(place.text, 'rekey.yaml', connectors);
      if (!parsed.ok) expect(parsed.problems.map(formatProblem).join('\n'), place.at).not.toContain(marker.slice(0, 8));
    }
  });

  it('a plain secret is refused wherever a store is managed with one, and where a key is adopted', () => {
    const secrets = places.filter(({ at }) => /\.management\.|\.current\.secret$/.test(at));
    expect(secrets).not.toEqual([]);
    for (const { text, at } of secrets) {
      const parsed = parseConfiguration(text, 'rekey.yaml', connectors);
      expect(parsed.ok ? [] : parsed.problems.map((p) => [p.path, p.message]), at).toEqual([
        [at, 'is not a reference to a secret, and secrets never stand in this file'],
      ]);
    }
  });

  it('what they make of their settings is made again of itself, since it is parsed anew where it is used', () => {
    const parsed = parseConfiguration(text, 'rekey.yaml', connectors);
    if (!parsed.ok) throw new Error('the example has problems');
    const { credentials, hosts, stores } = parsed.configuration;
    for (const { store, attributes, consumers } of Object.values(credentials)) {
      const config = connectors.stores.find(({ kind }) => kind === stores[store]!.kind)!;
      expect(config.attributes.parse(attributes)).toEqual(attributes);
      for (const { host, settings } of consumers.kind === 'list' ? consumers.list : []) {
        expect(connectors.hosts.find(({ kind }) => kind === hosts[host]!.kind)!.consumer.parse(settings)).toEqual(settings);
      }
    }
  });
});
