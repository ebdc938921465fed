/**
 * Owns the embedded Temporal server for tests of workflows alone, with a namespace for each of
 * their files, named after it.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { openHome } from '../../worker/embedded/home.js';
import { freePort } from '../../worker/embedded/ports.js';
import { Child } from '../../worker/embedded/supervisor.js';
import { temporalServer } from '../../worker/embedded/temporal.js';
import { findTemporal } from '../../worker/embedded/temporal-binary.js';

declare module 'vitest' {
  interface ProvidedContext {
    temporal: string;
  }
}

/** `verbs` for `test/workflow/verbs.test.ts`. */
export const namespaceOf = (file: string): string => path.basename(file, '.test.ts');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const files = readdirSync(path.resolve(import.meta.dirname, '../workflow')).filter((name) => name.endsWith('.test.ts'));
  const root = mkdtempSync(path.join(os.tmpdir(), 'rekey-temporal-'));
  const home = openHome(root);
  const ports = {
    temporal: await freePort(undefined),
    temporalHttp: await freePort(undefined),
    temporalMetrics: await freePort(undefined),
  };
  const server = temporalServer(home, (await findTemporal()).path, ports, files.map(namespaceOf));
  const temporal = new Child(server, home, () => undefined);
  await temporal.start();
  project.provide('temporal', `127.0.0.1:${ports.temporal}`);
  return async () => {
    await temporal.stop(5_000);
    rmSync(root, { recursive: true, force: true });
  };
}
