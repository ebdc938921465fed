/**
 * Connectors of third parties: how they are named, found, and refused before anything is applied.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatConfiguration } from '../../../activities/configuration/explain.js';
import { connectorOf, loadModules } from '../../../activities/configuration/modules.js';
import { formatProblem, type Parsed, parseConfiguration } from '../../../activities/configuration/parse.js';
import { fakes } from './support.js';

const home = mkdtempSync(path.join(os.tmpdir(), 'rekey-modules-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A schema that lets everything through, as far as the reading of a configuration asks. */
const schema = `{ safeParse: (data) => ({ success: true, data }), parse: (data) => data }`;
const store = (config = '', more = 'portVersion: 1') =>
  `export const connector = { ${more}, open: () => ({}), config: { kind: 'theirs', settings: ${schema}, attributes: ${schema}, strategies: ['overlap'], assumptions: {}, ${config} } };`;
const host = (config = '') =>
  `export const connector = { portVersion: 1, open: () => ({}), config: { kind: 'their-host', settings: ${schema}, consumer: ${schema}, findsConsumers: false, ${config} } };`;

let files = 0;
function file(text: string, name = `module-${++files}.js`): string {
  mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
  writeFileSync(path.join(home, name), text);
  return `./${name}`;
}

writeFileSync(path.join(home, 'package.json'), '{ "type": "module" }');

async function parse(text: string): Promise<Parsed> {
  return parseConfiguration(text, 'rekey.yaml', fakes, await loadModules(text, home));
}

const document = (stores: string, hosts = '') => `version: 1\nstores: { ${stores} }\nhosts: { ${hosts} }\ncredentials: {}\n`;

async function problemsOf(stores: string, hosts = ''): Promise<readonly string[]> {
  const parsed = await parse(document(stores, hosts));
  return parsed.ok ? [] : parsed.problems.map((problem) => formatProblem(problem));
}

describe('a connector that is named by its module', () => {
  it('is applied by its absolute path, with its settings and its kind, and shown as it was named', async () => {
    const [theirs, theirHost] = [file(store()), file(host())];
    const parsed = await parse(document(`x: { module: ${theirs}, url: here }`, `y: { module: ${theirHost}, size: 3 }`));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    expect(parsed.configuration.stores).toEqual({
      x: { kind: 'theirs', module: path.join(home, theirs), settings: { url: 'here' } },
    });
    expect(parsed.configuration.hosts).toEqual({
      y: { kind: 'their-host', module: path.join(home, theirHost), settings: { size: 3 } },
    });
    expect(formatConfiguration(parsed.configuration)).toContain(`module: ${path.join(home, theirHost)}`);
  });

  it.each([
    ['stores', store()],
    ['hosts', host()],
  ] as const)('is found as a package, too: %s', async (section, text) => {
    const name = `their-${section}`;
    file(`{ "name": "${name}", "type": "module", "exports": "./main.js" }`, `node_modules/${name}/package.json`);
    file(text, `node_modules/${name}/main.js`);
    const entry = `x: { module: ${name} }`;
    expect(await (section === 'stores' ? problemsOf(entry) : problemsOf('', entry))).toEqual([]);
    expect(await connectorOf(section, name, home)).toHaveProperty('config');
  });

  it.each([
    ['no file', './nothing.js', 'there is no such module'],
    ['a part of Node', 'fs', 'there is no such module'],
    ['an address', 'https://example.com/store.js', 'there is no such module'],
    ['something that is not there', file(`import 'nowhere';`), 'it imports nowhere, which is not there'],
    ['a start that fails', file(`throw new TypeError('hunter2hunter2');`), 'it fails while it is loaded (TypeError)'],
    ['no connector', file('export const other = 1;'), 'it exports no connector'],
    ['no version of the ports', file(store('', 'x: 1')), 'its connector names no version of the ports'],
    ['another version of the ports', file(store('', 'portVersion: 2')), 'its connector names version 2 of the ports'],
    ['an app host', file(host()), 'its connector is an app host'],
    ['a schema that is none', file(store('settings: {}')), 'its connector has no right `config.settings`'],
    ['a strategy that there is not', file(store(`strategies: ['twice']`)), 'its connector has no right `config.strategies`'],
    ['nothing that opens it', file(store().replace('open: () => ({}), ', '')), 'its connector has no `open`'],
    ["a kind of rekey's own", file(store(`kind: 'safe'`)), "its kind, safe, is one of rekey's own"],
  ])('is refused as a store with its place: %s', async (_, name, message) => {
    const [problem, ...others] = await problemsOf(`x: { module: "${name}" }`);
    expect(others).toEqual([]);
    expect(problem).toContain('rekey.yaml:2:');
    expect(problem).toContain(message);
    expect(problem).not.toContain('hunter2');
  });

  it.each([
    ['a key store', file(store()), 'its connector is a key store'],
    ['a consumer that is no schema', file(host('consumer: 1')), 'its connector has no right `config.consumer`'],
    ["a kind of rekey's own", file(host(`kind: 'files'`)), "its kind, files, is one of rekey's own"],
  ])('is refused as a host with its place: %s', async (_, name, message) => {
    const problems = await problemsOf('', `x: { module: "${name}" }`);
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toContain('rekey.yaml:3:');
  });

  it('has no kind beside it', async () => {
    expect(await problemsOf(`x: { module: ${file(store())}, kind: safe }`)).toEqual([
      expect.stringContaining('stands beside `module`'),
    ]);
  });

  it('may stand for several stores, but no two modules for one kind', async () => {
    const [one, other] = [file(store()), file(store())];
    expect(await problemsOf(`x: { module: ${one} }, y: { module: ${one} }`)).toEqual([]);
    expect(await problemsOf(`x: { module: ${one} }, y: { module: ${other} }`)).toEqual([
      expect.stringContaining('another module has the same kind, theirs'),
    ]);
  });

  it('takes rekey from nowhere else than where it runs', async () => {
    file('{ "name": "rekey", "exports": "./index.js" }', 'copied/node_modules/rekey/package.json');
    file('export const portVersion = 1;', 'copied/node_modules/rekey/index.js');
    const name = file(store(), 'copied/store.js');
    expect(await problemsOf(`x: { module: ${name} }`)).toEqual([expect.stringContaining('from another place')]);
    mkdirSync(path.join(home, 'beside/node_modules'), { recursive: true });
    symlinkSync(path.resolve(import.meta.dirname, '../../..'), path.join(home, 'beside/node_modules/rekey'));
    expect(await problemsOf(`x: { module: ${file(store(), 'beside/store.js')} }`)).toEqual([]);
  });
});

describe('a worker', () => {
  it('says that a module is not there, and finds it once it is', async () => {
    const name = path.join(home, 'late.js');
    await expect(connectorOf('hosts', name, home)).rejects.toMatchObject({ code: 'KR_MODULE_UNAVAILABLE' });
    file(host(), 'late.js');
    expect(await connectorOf('hosts', name, home)).toMatchObject({ config: { kind: 'their-host' } });
  });

  it.each([
    ['stores', host()],
    ['hosts', store()],
  ] as const)('refuses what is none of its %s', async (section, text) => {
    const name = path.join(home, file(text));
    await expect(connectorOf(section, name, home)).rejects.toMatchObject({ code: 'KR_MODULE_UNAVAILABLE' });
  });
});
