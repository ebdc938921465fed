/**
 * What runs as the worker itself: a module's code and the commands of this machine are reached only
 * where the worker was told so, whatever the applied configuration says.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../activities/ports/ledger.js';
import type { Connectors } from '../../worker/connectors.js';
import type { Configuration } from '../../workflows/domain/configuration.js';
import type { Power } from '../../workflows/domain/powers.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-connectors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const trace = path.join(folder, 'trace');
const module = path.join(folder, 'theirs.mjs');
writeFileSync(module, `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(trace)}, 'loaded');`);

const configuration = {
  stores: { theirs: { kind: 'theirs', module, settings: {} } },
  hosts: {
    theirs: { kind: 'theirs', module, settings: {} },
    machines: { kind: 'file', settings: {} },
    elsewhere: { kind: 'webhook', settings: {} },
  },
} as unknown as Configuration;

// As it was built: beside its package.json.
const built: { readonly Connectors: typeof Connectors } = await import(
  path.resolve(import.meta.dirname, '../../dist/worker/connectors.js')
);

function connectors(...held: readonly Power[]): Connectors {
  const ledger = { configurationHash: async () => 'hash', configuration: async () => ({ hash: 'hash', configuration }) };
  return new built.Connectors(ledger as unknown as Ledger, () => Promise.reject(new Error('not asked for')), new Set(held));
}

const withheld = (power: Power) => ({
  code: 'KR_POWER_WITHHELD',
  message: expect.stringContaining(`REKEY_POWERS=${power}`) as string,
});

describe('a worker', () => {
  it('loads no module that it was not told to load', async () => {
    for (const open of [
      () => connectors('exec', 'file').store(configuration, 'theirs'),
      () => connectors('exec', 'file').storeConfig(configuration, 'theirs'),
      () => connectors('exec', 'file').host(configuration, 'theirs'),
    ])
      await expect(open()).rejects.toMatchObject(withheld('module'));
    expect(existsSync(trace)).toBe(false);
    // It is loaded where it may be, and then found to be no connector.
    await expect(connectors('module').store(configuration, 'theirs')).rejects.toMatchObject({ code: 'KR_MODULE_UNAVAILABLE' });
    expect(existsSync(trace)).toBe(true);
  });

  it('touches no file and runs no command of its machine that it was not told to', async () => {
    await expect(connectors('exec', 'module').host(configuration, 'machines')).rejects.toMatchObject(withheld('file'));
    expect(await connectors('file').host(configuration, 'machines')).toBeDefined();
  });
});
