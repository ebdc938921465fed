/**
 * Builds dist/node_modules: packages that our programs load, in few files, with their compiled code
 * beside them (ADR 9).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { keptOr, root } from './kept.mjs';

const require = createRequire(import.meta.url);
const folder = path.join(root, 'dist', 'node_modules');
/** No name of a package begins with a dot. */
const bundles = path.join(folder, '.bundles');
const workflowThread = '@temporalio/worker/lib/workflow/workflow-worker-thread';

/** What goes into one file: packages that share classes, or most of what they load, go together. */
const contents = {
  temporal: ['client', 'worker', 'workflow', 'common', 'activity'].map((name) => `@temporalio/${name}`),
  words: ['commander', 'cli-table3'],
  ...Object.fromEntries(['zod', 'yaml', 'pg', 'pino', 'undici', 'fastify'].map((name) => [name, [name]])),
};

export function bundlePackages() {
  return keptOr(path.join(bundles, 'key'), [], async () => {
    rmSync(folder, { recursive: true, force: true });
    await Promise.all(Object.entries(contents).map(bundle));
    cpSync(path.join(import.meta.dirname, 'load.cjs'), path.join(bundles, 'load.cjs'));
    addWorkflowThread();
    for (const [name, packages] of Object.entries(contents)) for (const of of packages) standFor(of, name);
    compile();
  });
}

async function bundle([name, packages]) {
  const modules = name === 'temporal' ? [...packages, workflowThread] : packages;
  const { build } = await import('esbuild');
  await build({
    stdin: {
      contents: modules
        .map((module) => `exports[${JSON.stringify(module)}] = () => require(${JSON.stringify(module)});`)
        .join('\n'),
      resolveDir: root,
    },
    outfile: path.join(bundles, name, 'packages.js'),
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    external: ['pg-native'],
    plugins: [fitTemporal],
    // They are found beside the bundle, or never asked for.
    logOverride: { 'require-resolve-not-external': 'silent' },
    logLevel: 'warning',
  });
}

/** Changes three files of the SDK as they go into the bundle. */
const fitTemporal = {
  name: 'fit temporal',
  setup({ onLoad }) {
    const change = (file, changed) =>
      onLoad({ filter: new RegExp(`@temporalio/${file}$`.replaceAll('/', '[\\\\/]')) }, ({ path }) => ({
        contents: changed(readFileSync(path, 'utf8')),
      }));
    // What bundles workflows is half of what the SDK loads, and our workers are given a bundle.
    change('worker/lib/workflow/bundler.js', () => {
      const message = 'workflows are bundled when rekey is built';
      return `exports.defaultWorkflowInterceptorModules = [];
        exports.bundleWorkflowCode = exports.WorkflowCodeBundler = () => { throw new Error(${JSON.stringify(message)}); };`;
    });
    // The native part stays where it is installed.
    change(
      'core-bridge/common.js',
      (text) => `const __dirname = require('node:path').dirname(require.resolve('@temporalio/core-bridge'));\n${text}`,
    );
    // A text is parsed in a fraction of the time that an object of this size takes to compile.
    change('proto/protos/json-module.js', (text) => {
      const [begin, end] = [text.indexOf('.addJSON(') + '.addJSON('.length, text.lastIndexOf('});') + 1];
      const schema = JSON.stringify(JSON.parse(text.slice(begin, end)));
      return `${text.slice(0, begin)}JSON.parse(${JSON.stringify(schema)})${text.slice(end)}`;
    });
  },
};

/**
 * The SDK starts its thread by the path of a file, and so it reads the program that maps stacks.
 */
function addWorkflowThread() {
  const beside = path.join(bundles, 'temporal');
  const file = path.join(beside, 'workflow-worker-thread.js');
  writeFileSync(file, `require('../load.cjs')('temporal', ${JSON.stringify(workflowThread)});\n`);
  const sourceMap = path.dirname(createRequire(require.resolve('@temporalio/worker')).resolve('source-map'));
  cpSync(path.join(sourceMap, 'lib', 'mappings.wasm'), path.join(beside, 'mappings.wasm'));
}

/** A package of this name, found before the installed one by everything in dist. */
function standFor(name, bundle) {
  const own = path.join(folder, name);
  const load = path.relative(own, path.join(bundles, 'load.cjs')).replaceAll(path.sep, '/');
  const names = Object.keys(require(name)).filter((key) => /^[A-Za-z_$][\w$]*$/.test(key) && key !== 'default');
  mkdirSync(own, { recursive: true });
  writeFileSync(path.join(own, 'package.json'), `${JSON.stringify({ name, main: 'index.js' })}\n`);
  writeFileSync(
    path.join(own, 'index.js'),
    `module.exports = require(${JSON.stringify(load)})(${JSON.stringify(bundle)}, ${JSON.stringify(name)});
// For \`import\`, which reads the names of a CommonJS module without running it.
${names.map((key) => `0 && (exports.${key} = 0);\n`).join('')}`,
  );
}

/**
 * In a process of its own, as a program of ours would: what was run until then is kept compiled.
 */
function compile() {
  const load = require.resolve(path.join(bundles, 'load.cjs'));
  const loads = Object.entries(contents).flatMap(([name, packages]) => packages.map((of) => [name, of]));
  const script = `const load = require(${JSON.stringify(load)});
    for (const [bundle, name] of ${JSON.stringify(loads)}) load(bundle, name);
    load.keepCompiled();
    process.exit(0);`;
  const { status } = spawnSync(process.execPath, ['--eval', script], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the bundles of packages cannot be loaded');
}
