/** Builds the one bundle of workflow code that every worker loads. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { keptOr, root } from './kept.mjs';

const { resolve } = createRequire(import.meta.url);
const bundle = path.join(root, 'dist', 'worker', 'workflow-bundle.js');
const silent = () => undefined;

export function bundleWorkflows() {
  return keptOr(`${bundle}.key`, ['dist/workflows', 'client/failure-converter.cjs'], async () => {
    const { bundleWorkflowCode } = await import('@temporalio/worker');
    const { code } = await bundleWorkflowCode({
      workflowsPath: path.join(root, 'dist', 'workflows', 'index.js'),
      workflowInterceptorModules: [path.join(root, 'dist', 'workflows', 'interceptors.js')],
      failureConverterPath: path.join(root, 'dist', 'client', 'failure-converter.cjs'),
      webpackConfigHook,
      logger: { trace: silent, debug: silent, info: silent, warn: console.warn, error: console.error, log: silent },
    });
    writeFileSync(bundle, code);
  });
}

function webpackConfigHook(config) {
  // Beside dist stand the packages of our programs, which are made for Node and not for workflows.
  const packages = ['@temporalio/common', '@temporalio/workflow'].map((name) => [`${name}$`, resolve(name)]);
  return {
    ...config,
    // Every worker parses the map when it starts. It still leads a stack to its file and line.
    devtool: 'inline-nosources-cheap-module-source-map',
    resolve: { ...config.resolve, alias: { ...config.resolve.alias, ...Object.fromEntries(packages) } },
  };
}
