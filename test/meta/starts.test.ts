/**
 * Holds what a program loads when it starts: tests start hundreds of them, and a person waits for
 * each command.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const dist = path.join(root, 'dist');
const program = (file: string, ...args: readonly string[]): readonly string[] => [path.join(dist, file), ...args];
/** What a program imports, where it would not start without servers. */
const imports = (...files: readonly string[]): readonly string[] => {
  const urls = files.map((file) => pathToFileURL(path.join(dist, file)).href);
  return ['--input-type=module', '--eval', `${urls.map((url) => `await import('${url}');`).join('')} process.exit(0)`];
};

describe('what starts', () => {
  it.each([
    ['a worker', 212, imports('worker/composition.js', 'worker/serve.js')],
    ['a sandbox', 80, imports('sandbox/sandbox.js')],
    ['an agent', 6, program('sandbox/vendors/datadog/agent.js', 'web-1', 'datadog.conf')],
    ['the help', 17, program('client/main.js', '--help')],
    ['a look at the ledger', 33, program('client/main.js', 'status')],
  ])('%s, loads at most %d files, and no package as it was installed', (_, most, args) => {
    const files = loadedBy(args);
    expect(files).not.toEqual([]);
    expect(files.filter((url) => /(?<!\/dist)\/node_modules\//.test(url))).toEqual([]);
    expect(files.length).toBeLessThanOrEqual(most);
  });
});

/** The files of all modules, as the coverage of a run names them. */
function loadedBy(args: readonly string[]): readonly string[] {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-starts-'));
  try {
    spawnSync(process.execPath, args, { env: { NODE_V8_COVERAGE: folder, REKEY_HOME: folder } });
    const scripts = readdirSync(folder).flatMap(
      (name) => (JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as { result: { url: string }[] }).result,
    );
    return [...new Set(scripts.map(({ url }) => url))].filter((url) => url.startsWith('file:'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
