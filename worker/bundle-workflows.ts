/** Owns the one bundle of workflow code that every worker loads; made at build time, so that a worker starts in a second. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { failureConverterPath } from '../client/codec.js';

export const bundlePath = fileURLToPath(new URL('./workflow-bundle.js', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const silent = () => undefined;
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)),
    failureConverterPath,
    logger: { trace: silent, debug: silent, info: silent, warn: console.warn, error: console.error, log: silent },
  });
  await writeFile(bundlePath, code);
}
