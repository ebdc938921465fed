/**
 * Builds dist/: compiles everything, copies what the compiler leaves behind, bundles the workflows
 * and the packages that our programs load.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './build/kept.mjs';
import { bundlePackages } from './build/packages.mjs';
import { bundleWorkflows } from './build/workflows.mjs';

const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

// A file that was removed or renamed must not live on in dist; only the compiler's own memory of
// the last build is kept by it.
if (process.argv.includes('--clean')) rmSync(path.join(root, 'dist'), { recursive: true, force: true });

const compiled = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' });
if (compiled.status !== 0) {
  // Tests would run the workflows of the last build that went well.
  for (const name of ['workflow-bundle.js', 'workflow-bundle.js.key'])
    rmSync(path.join(root, 'dist', 'worker', name), { force: true });
  process.exit(compiled.status ?? 1);
}

const migrations = path.join('activities', 'postgres', 'migrations');
if (existsSync(path.join(root, migrations))) {
  rmSync(path.join(root, 'dist', migrations), { recursive: true, force: true });
  cpSync(path.join(root, migrations), path.join(root, 'dist', migrations), { recursive: true });
}

// The SDK loads it by `require`, from the sources as well as from here, so it is no TypeScript.
cpSync(path.join(root, 'client', 'failure-converter.cjs'), path.join(root, 'dist', 'client', 'failure-converter.cjs'));

const main = path.join(root, 'dist', 'client', 'main.js');
if (existsSync(main)) chmodSync(main, 0o755);

await bundleWorkflows();
await bundlePackages();
