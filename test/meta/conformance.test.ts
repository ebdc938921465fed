/**
 * Every connector is held to the suite of its port, and every ability that the ports know is tried
 * by the suite and by at least one connector.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../activities/configuration/connectors.js';
import { appHostConnectors, keyStoreConnectors } from '../../worker/registry.js';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const folders = (place: string) =>
  readdirSync(path.join(root, place), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
const conformance = readdirSync(path.join(root, 'test/conformance')).filter((name) => name.endsWith('.test.ts'));
const suites = readdirSync(path.join(root, 'test/conformance/suites')).map((name) => read(`test/conformance/suites/${name}`));

const ports = [
  {
    port: 'KeyStore',
    file: 'activities/ports/key-store.ts',
    place: 'activities/connectors/key-stores',
    main: 'key-store',
    registered: keyStoreConnectors,
    configured: connectors.stores,
  },
  {
    port: 'AppHost',
    file: 'activities/ports/app-host.ts',
    place: 'activities/connectors/app-hosts',
    main: 'app-host',
    registered: appHostConnectors,
    configured: connectors.hosts,
  },
] as const;

describe.each(ports)('$port', ({ port, file, place, main, registered, configured }) => {
  const described = port === 'KeyStore' ? 'describeVendor' : 'describeVendorHost';
  const kinds = [...registered.keys()].sort();
  const ofKind = (kind: string) => read(`test/conformance/${kind}.test.ts`);

  it('is implemented by what is registered and configured, one folder for each', () => {
    expect(kinds).toEqual(folders(place).sort());
    expect(configured.map(({ kind }) => kind).sort()).toEqual(kinds);
  });

  it.each(kinds)('as %s is held to the suite', (kind) => {
    expect(conformance).toContain(`${kind}.test.ts`);
    const text = ofKind(kind);
    expect(text).toContain(`import { connector } from '../../${place}/${kind}/${main}.js'`);
    expect(text).toMatch(new RegExp(`^${described}\\(\\{`, 'm'));
  });

  // A port is told in two halves: what looks, and what changes something.
  const halves = [...read(file).matchAll(new RegExp(`^export interface ${port}(?:Looks|Effects) \\{\\n(.*?)^\\}`, 'gms'))];
  const optional = halves.flatMap(([, body]) => [...body!.matchAll(/^ {2}(?:readonly )?(\w+)\?[(:]/gm)].map(([, name]) => name!));
  const abilities = [...new Set(optional)];

  it.each(abilities)('can have the ability %s: the suite tries it', (ability) => {
    expect(
      suites.filter(
        (text) => text.includes(`has('${ability}')`) || text.includes(`.${ability}!`) || text.includes(`.${ability}?.(`),
      ),
    ).not.toEqual([]);
  });

  it.each(abilities)('can have the ability %s: a connector has it', (ability) => {
    const declaring = kinds.filter((kind) => /abilities: \[(.*?)\]/s.exec(ofKind(kind))?.[1]?.includes(`'${ability}'`));
    expect(declaring).not.toEqual([]);
  });

  it('has abilities at all', () => {
    expect(abilities.length).toBeGreaterThan(3);
  });
});
